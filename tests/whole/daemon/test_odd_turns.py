"""Turns, transcripts and composers as people and programs leave them, and no rule foresees: nothing is lost by it."""

from __future__ import annotations

import json
import re

from tests.harness import REPO, Root, wait_for
from tests.whole.faults.kit import adapter_with, background, composer, frames, live, looked_again


def _without_live_state(root: Root) -> None:
    """Give the root a fake agent that nothing is known of but its transcript and its screen."""
    text = (REPO / "fixtures" / "fake.toml").read_text()
    path = root.base / "root" / "config" / "adapters" / "fake.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"(?ms)^\[live_state\]\n.*?\n\n", "", text))


def test_a_new_conversation_that_nothing_tells_of(root: Root) -> None:
    """A person types /clear, and only the files know: the message is proven in the new one, and so is the next."""
    _without_live_state(root)
    root.start()
    alice = root.peer("alice", "--no-state")
    live(root, alice)
    alice.tmux("send-keys", "-t", "main:", "/clear", "Enter")
    wait_for(lambda: "first" not in alice.screen(), "the screen to be cleared")
    for body in ("second", "third"):
        sent = root.send("alice", body, wait="done")
        assert (sent["outcome"], sent["state"]) == ("delivered", "done")
    files = list((alice.home / "conversations").glob("*.jsonl"))
    assert len(files) == 2
    assert alice.bodies() == ["first", "second", "third"]
    session = root.call("GET", f"/sessions/{root.runtime('alice')['session']}")
    (new,) = [file for file in files if b"second" in file.read_bytes()]
    assert session["conversation"] == new.stem


def test_a_transcript_that_is_exchanged_for_another(fleet: Root) -> None:
    """Saved anew under its name, longer than it was: the next message is proven, and its turn's end is seen."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    (path,) = (alice.home / "conversations").glob("*.jsonl")
    new = path.with_suffix(".new")
    new.write_bytes(json.dumps({"type": "bash", "command": "x" * 5000}).encode() + b"\n" + path.read_bytes())
    new.replace(path)
    assert fleet.send("alice", "second", wait="done")["state"] == "done"
    path.write_bytes(path.read_bytes().replace(b"xxxxx", b"y" * 500))
    assert fleet.send("alice", "third", wait="done")["state"] == "done"
    assert alice.bodies() == ["first", "second", "third"]


def test_text_that_a_person_clears_before_enter_is_typed_again(root: Root) -> None:
    """Nothing of it was submitted: it is the next attempt, in the same session, and is taken once."""
    adapter_with(root, gap_ms="1000")
    root.start()
    alice = root.peer("alice")
    root.call("POST", "/peers/alice/start", {})
    result = background(lambda: root.send("alice", "ours", wait="done"))
    wait_for(lambda: "</iap>" in composer(alice), "the paste to show")
    ident = next(event["message"] for event in reversed(root.events("typed")))
    looked_again(root, ident, 1)
    alice.tmux("send-keys", "-t", "main:", "C-u")
    assert result()["state"] == "done"
    assert len(frames(alice.typed())) == 2
    assert [(envelope.body, envelope.attempt) for envelope in alice.turns()] == [("ours", 2)]
    assert root.message(ident)["row"]["attempt"] == 2


def test_a_live_state_that_says_idle_in_mid_turn(fleet: Root) -> None:
    """It is wrong for longer than it may be late: while the record goes on, the message is not failed by it."""
    alice = fleet.peer("alice")
    sent = fleet.send("alice", "@@SLOW 7@@")
    fleet.until(sent["id"], "running")
    (state,) = (alice.home / "state").glob("*.json")
    (path,) = (alice.home / "conversations").glob("*.jsonl")
    with state.open("r+b") as file:
        said = state.read_bytes()
        file.write(said.replace(b'"status": "busy"', b'"status": "idle"'))

    def over() -> bool:
        with path.open("ab") as file:
            file.write(b'{"type": "approved"}\n')
        return fleet.state(sent["id"]) in ("done", "failed")

    wait_for(over, "the turn to end")
    assert fleet.state(sent["id"]) == "done"
    assert alice.bodies() == ["@@SLOW 7@@"]
