"""A session's life: its start, another conversation, its return, a daemon that dies, its end."""

from __future__ import annotations

import signal
import time

import psutil

from iapeer.client.call import call
from iapeer.conformance.cases.turns import SHORT_S, expect_turns
from iapeer.conformance.outcome import expect, needs
from iapeer.conformance.subject import Subject, settled
from iapeer.demo.sandbox import PATIENCE_S, until
from iapeer.wording.times import took

CONTENT, TOLD = "heron-7f3a1c", "kestrel-90b2e4"  # stand in README.md, and in what the session is told


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
    expect(before not in subject.witness.context(after), "the model was still given the old conversation")
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
    expect(before in subject.witness.context(after), "what was said before is not in it")
    return "the same conversation, with what was said"


def daemon_killed(subject: Subject) -> str:
    """kill -9 of the daemon in mid-turn: the next one finds the session, and both messages end done, once each."""
    before = len(subject.witness.turns())
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
    expect_turns(subject, before, [first, second])
    return "same session, both done once"


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
    until(lambda: len(subject.sandbox.left()) < 2, PATIENCE_S / 10)
    left = [process for process in subject.sandbox.left() if process.pid != daemon["pid"]]
    expect(not left, f"left behind: {', '.join(_called(process) for process in left)}")
    sockets = [path.name for path in subject.sandbox.sockets if str(path) != daemon["socket"]]
    expect(not sockets, f"left behind: {', '.join(sockets)}")
    how = f"exit code {code}" if code is not None else f"by {asked.name}"
    return f"{how}; no process, no socket is left"


def _called(process: psutil.Process) -> str:
    try:
        return f"{process.name()} ({process.pid})"
    except psutil.Error:
        return str(process.pid)
