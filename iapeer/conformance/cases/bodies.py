"""Bodies arrive as they were meant: the text of a message, and who speaks in it."""

from __future__ import annotations

import base64

from iapeer.conformance.cases.sessions import CONTENT
from iapeer.conformance.outcome import Broken, expect
from iapeer.conformance.sessionprocess import enters, send_as
from iapeer.conformance.subject import Subject, settled
from iapeer.model.envelope import Envelope, decode, spoken, wire

MARKED = "from \u202eright\u202c to \u2066left\u2069, \u200fand\u200e on"
PAGE = "\n".join(f"line {number} of what is said" for number in range(1, 41))  # long enough to be folded
_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_TRIES = 2  # a machine that stalls may make a second Enter necessary; a program that asks for two does so each time


def arrives(body: str, subject: Subject) -> str:
    """A body arrives as declared, as one turn, and nothing else happens."""
    before = {file.name for file in subject.folder.iterdir()}
    body = body.replace("{mark}", str(subject.mark))
    ident = subject.deliver(body)
    expect(not subject.mark.exists(), "a command in it was run")
    more = {file.name for file in subject.folder.iterdir()} - before
    expect(not more, f"files came to be: {', '.join(sorted(more))}")
    if "@README.md" in body and CONTENT in subject.witness.context(ident):
        return "exact; the file's content goes with it"
    return "exact" if subject.as_declared(body) == body else "as declared"


def direction_marks(subject: Subject) -> str:
    """Marks that turn the direction of writing are taken out, and one Enter submits the rest."""
    expect(subject.as_declared(MARKED) != MARKED, "nothing is taken out of it")
    for _ in range(_TRIES):
        pressed = enters(subject, subject.deliver(MARKED))
        if pressed == 1:
            return "less the marks, with one Enter"
    raise Broken(f"it took {pressed} Enters")


def picture(subject: Subject) -> str:
    """The path of a picture stays text, in the body and as an attachment."""
    path = _picture(subject)
    subject.deliver(f"Look at this:\n{path}\nand say what it shows.", attachments=[path])
    envelope = decode(subject.witness.turns()[-1])
    arrived = envelope.attachments if envelope else ()
    expect([name.rpartition("/")[2] for name in arrived] == ["shot.png"], f"the attachments are {arrived}")
    return "its path is text, in the body and as an attachment"


def _picture(subject: Subject) -> str:
    """Write a picture; its path."""
    path = subject.sandbox.base / "shot.png"
    path.write_bytes(_PIXEL)
    return str(path)


def who_speaks(subject: Subject) -> str:
    """The operator's text arrives bare; of a peer's at least what iapeer says of it, and the body is exact in both."""
    subject.deliver(PAGE)
    operator_is_bare(subject.witness.turns()[-1])
    with subject.beside("carol") as other:
        settled(other.start, other)
        body = f"{PAGE}\n{_picture(subject)}"
        subject.receive(body, lambda: send_as(other, subject, body))
    marks = around_a_peers_body(subject.witness.turns()[-1], other.name)
    return f"the operator bare, a peer {f'within {marks}' if marks else 'bare, too'}"


def operator_is_bare(text: str) -> None:
    """Raise Broken unless the text is what was typed and nothing else."""
    typed = wire(_message(text))
    expect(text.strip() == typed.strip(), f"the operator's text does not arrive bare: {_stray(text, typed)!r} in it")


def around_a_peers_body(text: str, sender: str) -> str:
    """Find what the program put between our words and a peer's. Broken when our words do not stand outside of it."""
    message = _message(text)
    expect(message.sender == sender, f"it is from {message.sender}, not from {sender}")
    own, _ = spoken(wire(message), message.sender)
    text = text.lstrip()
    expect(text.startswith(own), f"header and note of a peer's message do not stand by themselves: {text[:40]!r}")
    return text[len(own) :].partition("<message>")[0].strip()


def _message(text: str) -> Envelope:
    message = decode(text)
    if message is None:
        raise Broken("what arrived is no message")
    return message


def _stray(text: str, typed: str) -> str:
    """Find the first line that was not typed."""
    known = set(typed.splitlines())
    return next((line for line in text.strip().splitlines() if line.strip() and line not in known), text)[:60]
