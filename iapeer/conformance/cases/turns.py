"""How turns end: well, with an error, by the interrupt key; and what happens to messages meanwhile."""

from __future__ import annotations

import time

from iapeer.conformance.outcome import expect, needs
from iapeer.conformance.subject import Subject
from iapeer.conformance.witness import messages_of
from iapeer.demo.sandbox import until
from iapeer.model.states import State
from iapeer.wording.times import took

LONG_S, SHORT_S = 20, 3  # an answer that is interrupted, and one that is waited for
FIRST_WORDS_S = 10.0  # for what is streamed to show
STREAMED = "\n".join(f"wren {number}" for number in range(20))  # lines: some programs show only whole ones
FROM_BELOW = "plover-5d21f8"  # what a sub-agent is told, and says
HEIGHTS = 100, 1000  # lines: higher than the pane; so long that a program cuts it short when it puts it back


def ends_done(subject: Subject) -> str:
    """A turn ends, with the agent's last words."""
    ident = subject.deliver(subject.words(subject.check.say, "[check] say", text="heron and crane"))
    said = subject.own.said(subject.session()["conversation"])
    expect("heron and crane" in said, f"its last words were {said[-60:]!r}")
    steps = subject.steps(ident)
    return f"{steps['done'] - steps['delivered']} ms after the proof"


def subagent(subject: Subject) -> str:
    """A turn with a sub-agent beside it is over once its result was taken up; its last words are those after that."""
    body = subject.words(subject.check.subagent, "[check] subagent", text=FROM_BELOW, seconds=SHORT_S)
    sent = subject.send(body, wait="reply")
    subject.done(sent["id"])
    expect(
        until(lambda: subject.witness.brought(FROM_BELOW) is not None, subject.patience), "its result never came back"
    )
    subject.idle()
    late = (subject.witness.brought(FROM_BELOW) or 0) - subject.steps(sent["id"])["done"]
    expect(late <= 0, f"the turn was called over {late} ms before the result came back")
    answer, said = (sent["reply"] or {}).get("body"), subject.own.said(subject.session()["conversation"])
    expect(answer == said, f"the answer was {answer!r}, its last words {said!r}")
    return "over when its result was taken up, with the last words"


def interrupted(subject: Subject) -> str:
    """The interrupt key in mid-answer ends the turn; the row says so; the next message arrives alone."""
    check = subject.check
    body = subject.words(check.slow, "[check] slow", seconds=LONG_S)
    if subject.server:
        body += "\n" + subject.words(check.say, "[check] say", text=STREAMED)
    ident = subject.send_proven(body)
    subject.busy()
    asked = subject.screen().count("wren")
    if subject.server:  # without one it is not known whether an answer shows before it is whole
        expect(until(lambda: subject.screen().count("wren") > asked, FIRST_WORDS_S), "no word of the answer was shown")
    return _interrupt(subject, ident)


def interrupted_at_once(subject: Subject) -> str:
    """The interrupt key before the first word of the answer; some programs then take the message back."""
    ident = subject.send_proven(subject.words(subject.check.silent, "[check] silent", seconds=LONG_S))
    subject.busy()
    return _interrupt(subject, ident)


def taken_back(subject: Subject) -> str:
    """Long texts, interrupted before the first word, are told as ours where they are put back, and taken out."""
    asked = subject.words(subject.check.silent, "[check] silent", seconds=LONG_S)
    for height in HEIGHTS:
        lines = "\n".join(f"line {number} is" for number in range(1, height))
        ident = subject.send_proven(f"{asked}\n{lines}")
        subject.busy()
        _interrupt(subject, ident)
    return f"{' and '.join(f'{height:,}' for height in HEIGHTS)} lines; the next arrives"


def _interrupt(subject: Subject, ident: str) -> str:
    began = time.monotonic()
    subject.do("interrupt")
    row = subject.final(ident)
    seconds = time.monotonic() - began
    expect((row["state"], row["error"]) == (State.FAILED, "interrupted"), f"{row['state']}: {row['error']}")
    subject.deliver("and now?")
    return f"told after {took(seconds * 1000)}; the next arrives"


def fails(subject: Subject) -> str:
    """An error of the model fails the row in the agent's words; the next message runs."""
    return _fails(subject, needs(subject.check.error, "[check] error"), subject.check.error_says)


def fails_with_a_hint(subject: Subject) -> str:
    """An error that the program goes on to speak of in its composer fails the row too: no draft holds up the next."""
    return _fails(subject, needs(subject.check.error_hint, "[check] error_hint"), "")


def _fails(subject: Subject, body: str, says: str) -> str:
    row = subject.final(subject.send_proven(body))
    expect(row["state"] == State.FAILED, f"the row is {row['state']}")
    expect(says in (row["error"] or "") and row["error"], f"it says {row['error']!r}")
    subject.deliver("and now?")
    return f"failed: {row['error'][:60]}"


def busy(subject: Subject) -> str:
    """A message that comes in mid-turn waits for its end, and the answer under way is not cut."""
    before = len(subject.witness.turns())
    first = subject.send_proven(subject.words(subject.check.slow, "[check] slow", seconds=SHORT_S))
    subject.busy()
    second = subject.send("after that")
    expect((second["outcome"], second["reason"]) == ("queued", "busy"), f"{second['outcome']}: {second['reason']}")
    subject.done(first)
    subject.done(second["id"])
    early = subject.steps(first)["done"] - subject.steps(second["id"])["typed"]
    expect(early <= 0, f"it was typed {early} ms before the turn's end")
    expect_turns(subject, before, [first, second["id"]])
    return "waited, and was answered on its own"


def blocked(subject: Subject) -> str:
    """A permission dialog blocks: nothing is typed into it, and the key that refuses it lets go."""
    asked = subject.send_proven(subject.words(subject.check.blocked, "[check] blocked"))
    subject.until(lambda: subject.entry()["activity"] == "blocked", "blocked", lambda: _activity(subject))
    reason = subject.entry()["blocked_on"]["reason"]
    expect(reason == "permission", f"blocked on {reason}, not on permission")
    waiting = subject.send("are you there?")
    expect(waiting["outcome"] == "queued", f"the next message was {waiting['outcome']}")
    expect("typed" not in subject.steps(waiting["id"]), "the next message was typed into the dialog")
    subject.do("answer", {"key": subject.check.deny})
    row = subject.final(asked)
    subject.done(waiting["id"])
    expect(not subject.mark.exists(), "what it asked for was done")
    return f"permission; refused, the turn is {row['state']}"


def expect_turns(subject: Subject, before: int, idents: list[str]) -> None:
    arrived = [envelope.id if envelope else "" for envelope in messages_of(subject.witness)[before:]]
    expect(arrived == idents, f"{len(arrived)} turns came of {len(idents)} messages")


def _activity(subject: Subject) -> str:
    return str(subject.entry()["activity"])
