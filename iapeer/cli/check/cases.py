"""The checks. Each looks at one thing, says in a few words what it saw, and leaves the peer idle."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psutil

from iapeer.cli.check.bodies import SHAPES
from iapeer.cli.check.hearing import heard
from iapeer.cli.check.subject import Missing, Subject, expect, needs, settled
from iapeer.cli.client import call
from iapeer.cli.house import PATIENCE_S, until
from iapeer.cli.text import took
from iapeer.model.states import State

Case = Callable[[Subject], str]
LONG_S, SHORT_S = 20, 3  # an answer that is interrupted, and one that is waited for
FIRST_WORDS_S = 10.0  # for what is streamed to show
STREAMED = "\n".join(f"wren {number}" for number in range(20))  # lines: some programs show only whole ones
CONTENT, TOLD = "heron-7f3a1c", "kestrel-90b2e4"  # stand in README.md, and in what the session is told
TOOL = "send_to_peer"
FIRST = "boots"  # without it there is nothing to check


def cases(subject: Subject) -> Iterator[tuple[str, Case]]:
    """All checks by name, in their order."""
    yield FIRST, boots
    for name, body in {**SHAPES, **subject.check.bodies}.items():
        yield f"body: {name}", partial(arrives, body)
    yield "proof", proof
    yield "doctrine", doctrine
    yield "mcp", mcp
    yield "turn: ends", ends_done
    yield "turn: interrupted", interrupted
    yield "turn: interrupted at once", interrupted_at_once
    yield "turn: fails", fails
    yield "busy", busy
    yield "blocked", blocked
    yield "clear", clear
    yield "resume", resume
    yield "daemon killed", daemon_killed
    yield "first start", first_start
    yield "signals", signals
    yield "ends", ends


def boots(subject: Subject) -> str:
    """From a clean home to ready, without a question."""
    (subject.folder / "README.md").write_text(f"The word is {CONTENT}.\n")
    subject.create()
    (subject.folder / ".iapeer" / "IAPEER.md").write_text(f"The password is {TOLD}.\n")
    began = time.monotonic()
    settled(subject.start, subject)
    seconds = time.monotonic() - began
    dialogs = [event["dialog"] for event in subject.events("dialog")]
    expect(not dialogs, f"it asked first: {', '.join(dialogs)}")
    return f"ready after {took(seconds * 1000)}"


def arrives(body: str, subject: Subject) -> str:
    """A body arrives as declared, as one turn, and nothing else happens."""
    before = {file.name for file in subject.folder.iterdir()}
    body = body.replace("{mark}", str(subject.mark))
    ident = subject.deliver(body)
    expect(not subject.mark.exists(), "a command in it was run")
    more = {file.name for file in subject.folder.iterdir()} - before
    expect(not more, f"files came to be: {', '.join(sorted(more))}")
    if "@README.md" in body and CONTENT in subject.ears.context(ident):
        return "exact; the file's content goes with it"
    return "exact" if subject.as_declared(body) == body else "as declared"


def proof(subject: Subject) -> str:
    """The agent's own record of this conversation holds the message's id."""
    ident = subject.send_proven("where is the proof?")
    conversation = subject.session()["conversation"]
    expect(conversation, "it is not known which conversation it is in")
    expect(subject.own.holds(conversation, ident), "the record that was followed does not hold the message")
    subject.done(ident)
    steps = subject.steps(ident)
    return f"{steps['delivered'] - steps['typed']} ms after it was typed"


def doctrine(subject: Subject) -> str:
    """What a session is told is among the model's instructions."""
    if subject.adapter.doctrine is None:
        raise Missing("the adapter has no [doctrine]")
    expect(TOLD in _request(subject)["system"], "the model was not told IAPEER.md")
    return "received"


def mcp(subject: Subject) -> str:
    """Our tool is among those that the model may call."""
    if subject.adapter.mcp is None:
        raise Missing("the adapter has no [mcp]")
    tools = _request(subject)["tools"]
    expect(any(TOOL in tool for tool in tools), f"the model's tools are {', '.join(tools)}")
    return f"the model may call {TOOL}"


def _request(subject: Subject) -> dict[str, Any]:
    if subject.server is None:
        raise Missing("there is no model server to see it with")
    return subject.server.request(subject.deliver("what are you told?"))


def ends_done(subject: Subject) -> str:
    """A turn ends, with the agent's last words."""
    ident = subject.deliver(subject.words(subject.check.say, "[check] say", text="heron and crane"))
    said = subject.own.said(subject.session()["conversation"])
    expect("heron and crane" in said, f"its last words were {said[-60:]!r}")
    steps = subject.steps(ident)
    return f"{steps['done'] - steps['delivered']} ms after the proof"


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
    """The same before the first word of the answer: what some programs take back, as if it had not been said."""
    ident = subject.send_proven(subject.words(subject.check.silent, "[check] silent", seconds=LONG_S))
    subject.busy()
    return _interrupt(subject, ident)


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
    ident = subject.send_proven(needs(subject.check.error, "[check] error"))
    row = subject.final(ident)
    expect(row["state"] == State.FAILED, f"the row is {row['state']}")
    expect(subject.check.error_says in (row["error"] or "") and row["error"], f"it says {row['error']!r}")
    subject.deliver("and now?")
    return f"failed: {row['error'][:60]}"


def busy(subject: Subject) -> str:
    """A message that comes in mid-turn waits for its end, and the answer under way is not cut."""
    before = len(subject.ears.turns())
    first = subject.send_proven(subject.words(subject.check.slow, "[check] slow", seconds=SHORT_S))
    subject.busy()
    second = subject.send("after that")
    expect((second["outcome"], second["reason"]) == ("queued", "busy"), f"{second['outcome']}: {second['reason']}")
    subject.done(first)
    subject.done(second["id"])
    early = subject.steps(first)["done"] - subject.steps(second["id"])["typed"]
    expect(early <= 0, f"it was typed {early} ms before the turn's end")
    _heard_just(subject, before, [first, second["id"]])
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


def clear(subject: Subject) -> str:
    """A typed clear command begins another conversation, and it is followed there."""
    command = needs(subject.adapter.commands.clear, "[commands] clear")
    before = subject.deliver("before")
    session = subject.session()
    first = session["conversation"]
    subject.do("answer", {"text": command})
    subject.do("answer", {"key": subject.adapter.typing.submit})
    after = subject.deliver("after")
    second = subject.session()["conversation"]
    expect(subject.session()["id"] == session["id"], "the program ended of it")
    expect(second != first, "the conversation is still the same")
    expect(subject.own.holds(second, after), "the new conversation's record does not hold the message")
    expect(before not in subject.ears.context(after), "the model was still given the old conversation")
    return "followed into the new conversation"


def resume(subject: Subject) -> str:
    """The process ends by itself; showing the session brings the same conversation back."""
    before = subject.deliver("remember the heron")
    first = subject.session()
    psutil.Process(subject.entry()["pid"]).terminate()
    subject.wait("asleep")
    settled(lambda: subject.do("attach"), subject)
    settled(subject.idle, subject)
    second = subject.session()
    expect(second["mode"] == "resume", f"it was started {second['mode']}")
    after = subject.deliver("still the same?")
    expect(subject.session()["conversation"] == first["conversation"], "it is another conversation")
    expect(before in subject.ears.context(after), "what was said before is not in it")
    return "the same conversation, with what was said"


def daemon_killed(subject: Subject) -> str:
    """kill -9 of the daemon in mid-turn: the next one finds the session, and both messages end done, once each."""
    before = len(subject.ears.turns())
    first = subject.send_proven(subject.words(subject.check.slow, "[check] slow", seconds=SHORT_S))
    second = subject.send("queued behind")["id"]
    entry = subject.entry()
    daemon = psutil.Process(call("GET", "/status")["daemon"]["pid"])
    daemon.kill()
    daemon.wait(PATIENCE_S)
    subject.done(first)
    subject.done(second)
    after = subject.entry()
    expect((after["session"], after["pid"]) == (entry["session"], entry["pid"]), "the session was not found again")
    _heard_just(subject, before, [first, second])
    return "same session, both done once"


def first_start(subject: Subject) -> str:
    """In a home that nobody has answered for, just the named dialogs come, and are answered."""
    wanted = subject.check.first_start
    if wanted is None or subject.newcomer is None:
        raise Missing("the adapter has no [check.first_start]")
    newcomer = subject.newcomer()
    newcomer.create()
    settled(newcomer.start, newcomer)
    dialogs = list(dict.fromkeys(event["dialog"] for event in newcomer.events("dialog")))  # an event a key
    expect(dialogs == wanted.dialogs, f"the dialogs were {', '.join(dialogs) or 'none'}")
    newcomer.deliver("hello")
    newcomer.do("stop")
    newcomer.forget()
    return f"answered: {', '.join(dialogs) or 'none came'}"


def signals(subject: Subject) -> str:
    """No source of what the agent is doing had to be given up in all that went before."""
    lost = [f"{event.get('what')}: {event.get('why') or event.get('reason')}" for event in subject.events("degraded")]
    expect(not lost, "; ".join(lost))
    return "live state and record were understood throughout"


def ends(subject: Subject) -> str:
    """Stopping is clean and quick, and leaves no process and no socket."""
    session = subject.session()["id"]
    subject.do("stop")
    ended = call("GET", f"/sessions/{session}")
    code, number = ended["exit_code"], ended["signal"]
    asked = signal.Signals[f"SIG{subject.adapter.exit.signal}"]
    expect(code in subject.adapter.exit.clean or number == asked, f"exit code {code}, signal {number}")
    daemon = call("GET", "/status")["daemon"]
    until(lambda: len(subject.house.left()) < 2, PATIENCE_S / 10)
    left = [process for process in subject.house.left() if process.pid != daemon["pid"]]
    expect(not left, f"left behind: {', '.join(_called(process) for process in left)}")
    sockets = [path.name for path in subject.house.sockets if str(path) != daemon["socket"]]
    expect(not sockets, f"left behind: {', '.join(sockets)}")
    how = f"exit code {code}" if code is not None else f"by {asked.name}"
    return f"{how}; no process, no socket is left"


def _heard_just(subject: Subject, before: int, idents: list[str]) -> None:
    arrived = [envelope.id if envelope else "" for envelope in heard(subject.ears)[before:]]
    expect(arrived == idents, f"{len(arrived)} turns came of {len(idents)} messages")


def _activity(subject: Subject) -> str:
    return str(subject.entry()["activity"])


def _called(process: psutil.Process) -> str:
    try:
        return f"{process.name()} ({process.pid})"
    except psutil.Error:
        return str(process.pid)
