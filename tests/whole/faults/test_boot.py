"""Starting up: dialogs, logins, slow and failing starts."""

from __future__ import annotations

from typing import Any

from tests.harness import Agent, Root, wait_for
from tests.whole.faults.kit import expected, frames


def blocked(root: Root, name: str, reason: str) -> dict[str, Any]:
    """Wait until the peer is blocked for this reason; what is said of it."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] | None = root.runtime(name)["blocked_on"]
        return found if found and found["reason"] == reason else None

    return wait_for(look, f"{name} to be blocked: {reason}", 20)


def bypassing(root: Root, name: str, args: str) -> Agent:
    """A peer whose permissions are bypassed."""
    agent = Agent(root, name)
    agent.configure(args)
    wish = {"dir": str(agent.folder), "runtime": "fake", "permissions": "bypass", "trust": True}
    root.call("POST", "/peers", wish)
    return agent


def test_the_trust_dialog_is_answered(fleet: Root) -> None:
    """The known dialog is answered with one Enter, then the message is typed."""
    alice = fleet.peer("alice", "--trust-dialog")
    sent = fleet.send("alice", "hello", wait="done")
    assert alice.typed() == b"\r" + expected(sent["id"], "hello")
    assert [event["dialog"] for event in fleet.events("dialog")] == ["trust"]


def test_the_danger_dialog_with_permissions_bypassed(fleet: Root) -> None:
    """Where its peer asks for it, the warning is accepted: moved to first, for its default would leave."""
    alice = bypassing(fleet, "alice", "--trust-dialog --danger-dialog")
    sent = fleet.send("alice", "hello", wait="done")
    typed = alice.typed()
    assert typed in (b"\r" + down + b"\r" + expected(sent["id"], "hello") for down in (b"\x1b[B", b"\x1bOB"))


def test_the_danger_dialog_without(fleet: Root) -> None:
    """Nobody asked to bypass permissions: the warning is not answered, and a person is needed."""
    alice = fleet.peer("alice", "--danger-dialog")
    sent = fleet.send("alice", "hello")
    assert "Bypass Permissions" in blocked(fleet, "alice", "question")["text"]
    assert alice.typed() == b""
    assert fleet.state(sent["id"]) == "queued"
    assert [event["reason"] for event in fleet.events("blocked")] == ["question"]


def test_an_unknown_dialog_is_never_answered(fleet: Root) -> None:
    """A dialog that nobody described blocks with its words, gets no key, and the message follows a person's answer."""
    alice = fleet.peer("alice", "--unknown-dialog")
    sent = fleet.send("alice", "hello")
    said = blocked(fleet, "alice", "unknown-dialog")
    assert "Your settings are from another version." in said["text"]
    assert alice.typed() == b""
    fleet.call("POST", "/peers/alice/answer", {"key": "2"})
    fleet.until(sent["id"], "done")
    assert alice.typed() == b"2" + expected(sent["id"], "hello")


def test_a_login_is_needed(fleet: Root) -> None:
    """An agent that is not logged in is blocked: login; nothing is typed before a person has done it."""
    alice = fleet.peer("alice", "--login")
    sent = fleet.send("alice", "hello")
    blocked(fleet, "alice", "login")
    assert fleet.message(sent["id"])["row"]["reason"] == "login"
    assert alice.typed() == b""
    fleet.call("POST", "/peers/alice/answer", {"text": "/login"})
    assert fleet.state(sent["id"]) == "queued"
    fleet.call("POST", "/peers/alice/answer", {"key": "Enter"})
    fleet.until(sent["id"], "done")
    assert alice.typed() == b"/login\r" + expected(sent["id"], "hello")


def test_nothing_is_typed_before_the_agent_is_ready(fleet: Root) -> None:
    """A slow start gets no byte before its composer is there: the terminal would echo it, or lose it."""
    alice = fleet.peer("alice", "--boot-delay=1.5")
    sent = fleet.send("alice", "hello")
    assert (sent["outcome"], sent["woke"]) == ("queued", True)
    wait_for(lambda: fleet.runtime("alice")["pid"], "the agent")

    def ready() -> bool:
        shown = alice.screen()
        booting = "Fake Agent" not in shown
        assert not (booting and "iap" in shown), shown
        return not booting

    wait_for(ready, "the composer")
    fleet.until(sent["id"], "done")
    assert alice.typed() == expected(sent["id"], "hello")
    seqs = {event["ev"]: event["seq"] for event in fleet.events("wake", "ready", "leased", "typed")}
    assert seqs["wake"] < seqs["ready"] < seqs["leased"] < seqs["typed"]


def test_starts_that_fail_are_held_up(fleet: Root) -> None:
    """An agent that dies at its start is said so, and the message waits, untyped, until somebody asks for a new try."""
    alice = fleet.peer("alice", "--die-at-boot=7")
    sent = fleet.send("alice", "hello")
    wait_for(lambda: fleet.message(sent["id"])["row"]["reason"] == "guard", "the message to wait: guard")
    failed = blocked(fleet, "alice", "guard")
    assert "exit code 7" in failed["text"]
    assert "fatal: cannot start" in failed["text"]
    assert fleet.runtime("alice")["status"] == "failing"
    assert fleet.processes() == []
    alice.configure()
    fleet.call("POST", "/peers/alice/start", {})
    fleet.until(sent["id"], "done")
    assert len(frames(alice.typed())) == 1
    assert fleet.message(sent["id"])["row"]["attempt"] == 1
