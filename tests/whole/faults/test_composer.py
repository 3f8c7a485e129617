"""The composer is typed into only when it is free, and Enter is pressed only on our own text."""

from __future__ import annotations

import time

import pytest

from iapeer.model.envelope import Envelope, wire
from tests.harness import Root, wait_for
from tests.whole.faults.kit import (
    adapter_with,
    background,
    composer,
    expected,
    frames,
    keys,
    live,
    looked_again,
    option,
    person,
    waits,
)  # fmt: skip


def test_a_persons_draft_is_never_submitted(fleet: Root) -> None:
    """A message waits while a person has text in the composer, and comes when the person has cleared it."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    before = alice.typed()
    with person(alice) as somebody:
        somebody.type("half a thought")
        wait_for(lambda: composer(alice) == "half a thought", "the draft to show")
        sent = fleet.send("alice", "mind the draft")
        assert (sent["outcome"], sent["reason"]) == ("queued", "draft")
        waits(fleet, sent["id"], "draft")
        assert composer(alice) == "half a thought"
        assert alice.typed()[len(before) :] == b"half a thought"
        somebody.type("\x15")
        fleet.until(sent["id"], "done", seconds=5)
    assert alice.typed()[len(before) :] == b"half a thought\x15" + expected(sent["id"], "mind the draft")
    assert alice.bodies() == ["first", "mind the draft"]


def test_a_draft_that_its_author_submits_goes_first(fleet: Root) -> None:
    """A person's own turn comes before the message that waited for it, and each is a turn of its own."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    with person(alice) as somebody:
        somebody.type("mine")
        wait_for(lambda: composer(alice) == "mine", "the draft to show")
        sent = fleet.send("alice", "theirs")
        waits(fleet, sent["id"], "draft")
        somebody.type("\r")
        fleet.until(sent["id"], "done", seconds=5)
    texts = [record["text"] for record in alice.records("user")]
    assert texts[1] == "mine"
    assert texts[2] == wire(Envelope(sent["id"], "operator", "shell", "natural", "theirs"))


def test_a_draft_left_over_with_nobody_attached(fleet: Root) -> None:
    """Text in the composer counts whoever left it there: it stays, the message waits, then comes alone."""
    alice = fleet.peer("alice", "--draft=left-over")
    sent = fleet.send("alice", "hello")
    waits(fleet, sent["id"], "draft")
    assert composer(alice) == "left-over"
    assert alice.typed() == b""
    alice.tmux("send-keys", "-t", "main:", "C-u")
    fleet.until(sent["id"], "done", seconds=5)
    assert alice.typed() == b"\x15" + expected(sent["id"], "hello")
    assert alice.bodies() == ["hello"]


def test_text_typed_between_paste_and_enter_holds_the_enter_back(root: Root) -> None:
    """A person who types into our pasted text keeps it from being submitted until that is taken out again."""
    adapter_with(root, gap_ms="1000")
    root.start()
    alice = root.peer("alice")
    live(root, alice)
    before = alice.typed()
    result = background(lambda: root.send("alice", "ours alone"))
    wait_for(lambda: frames(alice.typed()[len(before) :]), "the paste")
    pasted = time.monotonic()
    alice.tmux("send-keys", "-t", "main:", "-l", "zz")
    wait_for(lambda: composer(alice).endswith("zz"), "the person's letters")
    wait_for(lambda: time.monotonic() > pasted + 1.5, "the gap to be over")
    ident = next(event["message"] for event in reversed(root.events("typed")))
    looked_again(root, ident)
    assert keys(alice.typed()[len(before) :]) == b"zz"
    alice.tmux("send-keys", "-t", "main:", "BSpace", "BSpace")
    assert result()["outcome"] == "delivered"
    assert keys(alice.typed()[len(before) :]) in (b"zz\x7f\x7f\r", b"zz\x08\x08\r")
    assert alice.bodies() == ["first", "ours alone"]


def test_enter_never_reaches_a_dialog(fleet: Root) -> None:
    """A message that comes while a dialog is up waits, approves nothing, and follows after the answer."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    alice.tmux("send-keys", "-t", "main:", "@@DIALOG@@", "Enter")
    wait_for(lambda: "Do you want to proceed?" in alice.screen(), "the dialog")
    before = alice.typed()
    sent = fleet.send("alice", "patience")
    assert (sent["outcome"], sent["reason"]) == ("queued", "dialog")
    waits(fleet, sent["id"], "dialog")
    assert alice.typed() == before
    assert not alice.records("approved")
    fleet.call("POST", "/peers/alice/answer", {"key": "2"})
    fleet.until(sent["id"], "done", seconds=5)
    assert alice.typed() == before + b"2" + expected(sent["id"], "patience")
    assert (alice.records("approved"), len(alice.records("rejected"))) == ([], 1)


def test_a_dialog_in_the_turn_of_a_message(fleet: Root) -> None:
    """A dialog in a message's own turn keeps it running, makes its peer blocked, and the next message wait: dialog."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "@@DIALOG@@ please")
    fleet.until(first["id"], "running")
    wait_for(lambda: (fleet.runtime("alice")["blocked_on"] or {}).get("reason") == "permission", "blocked: permission")
    before = alice.typed()
    second = fleet.send("alice", "next")
    assert (second["outcome"], second["reason"]) == ("queued", "dialog")
    looked_again(fleet, second["id"])
    assert alice.typed() == before
    fleet.call("POST", "/peers/alice/answer", {"key": "Enter"})
    fleet.until(first["id"], "done")
    fleet.until(second["id"], "done")
    assert alice.typed() == before + b"\r" + expected(second["id"], "next")
    assert len(alice.records("approved")) == 1


def test_who_waits_hears_of_a_dialog(fleet: Root) -> None:
    """A dialog in mid-turn is an event, as is its end, and a command that waits says it and what to do."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    asked = fleet.cli("ask", "alice", "@@DIALOG@@ please", "--timeout", "2s")
    assert asked.returncode == 4
    assert "running: permission" in asked.stderr
    assert "iapeer answer alice KEY" in asked.stderr
    assert [event["reason"] for event in fleet.events("blocked", peer="alice")] == ["permission"]
    assert not fleet.events("unblocked", peer="alice")
    fleet.call("POST", "/peers/alice/answer", {"key": "Enter"})
    wait_for(lambda: fleet.events("unblocked", peer="alice"), "the end of the dialog to be told")
    assert len(fleet.events("blocked", peer="alice")) == 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_swallowed_enter_is_pressed_again(fleet: Root, count: int) -> None:
    """An Enter that the agent loses is repeated; the body is not."""
    alice = fleet.peer("alice", f"--swallow-enters={count}")
    sent = fleet.send("alice", "hello", wait="done")
    assert sent["outcome"] == "delivered"
    assert alice.typed() == expected(sent["id"], "hello") + b"\r" * count
    assert alice.bodies() == ["hello"]


def test_enters_swallowed_for_ever(fleet: Root) -> None:
    """After the permitted Enters the message is stranded, said so, and typed no more; late evidence still counts."""
    alice = fleet.peer("alice", "--swallow-enters=4")
    fleet.call("POST", "/peers/alice/start", {})
    sent = fleet.send("alice", "hello")
    assert (sent["outcome"], sent["state"]) == ("stranded", "stranded")
    assert alice.typed() == expected(sent["id"], "hello") + b"\r" * 3
    assert alice.records() == []
    behind = fleet.send("alice", "behind it")
    assert behind["outcome"] == "queued"
    looked_again(fleet, behind["id"])
    assert len(frames(alice.typed())) == 1
    alice.tmux("send-keys", "-t", "main:", "Enter")  # a person helps
    fleet.until(sent["id"], "done")
    fleet.until(behind["id"], "done")
    assert alice.bodies() == ["hello", "behind it"]


def test_look_alikes_in_the_output(fleet: Root) -> None:
    """Prompts, dialogs, spinners and login hints that are mere output of the agent hold nothing up."""
    alice = fleet.peer("alice")
    live(fleet, alice, "@@LOOKALIKE@@ look")
    assert "a draft that nobody typed" in alice.screen()
    assert fleet.runtime("alice")["blocked_on"] is None
    before = alice.typed()
    sent = fleet.send("alice", "next", wait="done")
    assert sent["outcome"] == "delivered"
    assert alice.typed() == before + expected(sent["id"], "next")
    assert not alice.records("approved")


def test_copy_mode_waits(fleet: Root) -> None:
    """Nothing is typed while a person scrolls; the message comes as soon as the person leaves copy mode."""
    alice = fleet.peer("alice")
    live(fleet, alice)
    before = alice.typed()
    alice.tmux("copy-mode", "-t", "main:")
    sent = fleet.send("alice", "hello")
    assert (sent["outcome"], sent["reason"]) == ("queued", "copy-mode")
    waits(fleet, sent["id"], "copy-mode")
    assert alice.typed() == before
    assert alice.tmux("display-message", "-p", "#{pane_in_mode}").strip() == "1"
    alice.tmux("send-keys", "-X", "-t", "main:", "cancel")
    fleet.until(sent["id"], "done", seconds=5)
    assert alice.typed() == before + expected(sent["id"], "hello")


def test_copy_mode_between_paste_and_enter(root: Root) -> None:
    """A person who starts to scroll over our pasted text gets no Enter; it is pressed when they come back."""
    adapter_with(root, gap_ms="1000")
    root.start()
    alice = root.peer("alice")
    live(root, alice)
    before = alice.typed()
    result = background(lambda: root.send("alice", "hello"))
    wait_for(lambda: frames(alice.typed()[len(before) :]), "the paste")
    pasted = time.monotonic()
    alice.tmux("copy-mode", "-t", "main:")
    wait_for(lambda: time.monotonic() > pasted + 1.5, "the gap to be over")
    assert keys(alice.typed()[len(before) :]) == b""
    assert option(alice, "@iapeer_pasted").endswith(":1")
    alice.tmux("send-keys", "-X", "-t", "main:", "cancel")
    sent = result()
    assert sent["outcome"] == "delivered"
    assert alice.typed() == before + expected(sent["id"], "hello")
