"""A repository or an agent cannot stop the daemon by a file: its own peer is broken, alone, and says why."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from iapeer.files.regular import OUTSIDE
from iapeer.model.errors import PeerError
from tests.harness import Root, wait_for


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def test_a_trap_breaks_its_own_peer_alone(fleet: Root) -> None:
    """Profiles and launch files of every bad kind: each is named, others are served, and memory stays."""
    good = fleet.peer("good")
    makers: dict[str, Callable[[Path], object]] = {
        "pipe": os.mkfifo,
        "zero": lambda path: path.symlink_to("/dev/zero"),
        "folder": Path.mkdir,
        "huge": _sparse,
        "out": lambda path: path.symlink_to("/etc/passwd"),
    }
    for kind, make in makers.items():
        profile = fleet.peer(f"profile-{kind}").folder / ".iapeer" / "peer-profile.json"
        launch = fleet.peer(f"launch-{kind}").folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
        for path in (profile, launch):
            path.unlink()
            make(path)
    assert fleet.daemon is not None
    before = psutil.Process(fleet.daemon.pid).memory_info().rss
    problems = {one["personality"]: one["message"] for one in fleet.call("GET", "/verify")["problems"]}
    assert set(problems) == {f"{what}-{kind}" for what in ("profile", "launch") for kind in makers}
    assert {one["personality"] for one in fleet.call("GET", "/peers")["peers"]} == {*problems, "good"}
    for kind in makers:
        with pytest.raises(PeerError) as raised:
            fleet.send(f"profile-{kind}", "hi")
        assert raised.value.code == "bad-profile"
        assert problems[f"profile-{kind}"] == str(raised.value)
        assert "launch.env" in problems[f"launch-{kind}"]
        assert fleet.send(f"launch-{kind}", "hi", wait="done")["state"] == "done"  # launched as was confirmed before
    assert fleet.send("good", "hello", wait="done")["state"] == "done"
    assert good.bodies() == ["hello"]
    assert psutil.Process(fleet.daemon.pid).memory_info().rss - before < 64 << 20


def test_a_long_transcript_is_read_beside_other_work(fleet: Root) -> None:
    """A session whose record gained 200 MB is found again: others are served before all is read, in little memory."""
    alice = fleet.peer("alice")
    sent = fleet.send("alice", "@@SLOW 60@@")
    fleet.until(sent["id"], "running")
    fleet.kill()
    (path,) = (alice.home / "conversations").glob("*.jsonl")
    record = {"type": "assistant", "text": "word " * 400, "timestamp": "2100-01-01T00:00:00Z"}
    line = json.dumps(record).encode() + b"\n"
    with path.open("ab") as file:
        for _ in range(20):
            file.write(line * ((1 << 20) // len(line)))
        file.truncate(path.stat().st_size + (180 << 20))  # a hole: one line of zeros
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + line.replace(b'"assistant"', b'"turn_end"'))
    fleet.start()  # returns once a request was answered
    assert fleet.state(sent["id"]) == "running"
    assert fleet.daemon is not None
    process = psutil.Process(fleet.daemon.pid)
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, process.memory_info().rss)
        return fleet.state(sent["id"]) == "done"

    wait_for(over, "the end of the turn to be read")
    assert most < 300 << 20


def test_a_transcript_that_is_a_device(root: Root) -> None:
    """The agent, or what it runs, puts a link in its place: it is said, nobody waits for it, others are served."""
    root.start(IAPEER_SEND_WAIT_SECS="1")
    alice, _ = root.peer("alice"), root.peer("bob")
    assert root.send("alice", "first", wait="done")["state"] == "done"
    (path,) = (alice.home / "conversations").glob("*.jsonl")
    path.unlink()
    path.symlink_to("/dev/zero")
    sent = root.send("alice", "second")
    events = wait_for(lambda: root.events("degraded", peer="alice"), "the trouble to be told")
    assert (events[0]["what"], events[0]["why"]) == ("transcript", f"{path}: no regular file")
    assert root.send("bob", "hello", wait="done")["state"] == "done"
    assert root.state(sent["id"]) not in ("running", "done")


def test_what_a_session_is_told_lies_in_the_folder(fleet: Root) -> None:
    """A repository's IAPEER.md that is a link to a secret: the session is not told the secret, and that is said."""
    alice = fleet.peer("alice")
    secret = fleet.base / "home" / "secret"
    secret.write_text("the secret words")
    for name in ("IAPEER.md", "notes.md"):
        (alice.folder / ".iapeer" / name).symlink_to(secret)
    (alice.folder / ".iapeer" / "own.md").write_text("its own words")
    assert fleet.send("alice", "hello", wait="done")["state"] == "done"
    told = "".join(file.read_text() for file in (alice.home / "told").iterdir())
    assert "its own words" in told
    assert "the secret words" not in told
    events = fleet.events("doctrine", peer="alice")
    assert [(Path(event["file"]).name, event["skipped"]) for event in events] == [
        ("IAPEER.md", OUTSIDE), ("notes.md", OUTSIDE),
    ]  # fmt: skip
    found = [one for one in fleet.call("GET", "/verify")["problems"] if one["level"] == "warning"]
    assert [Path(one["path"]).name for one in found] == ["IAPEER.md", "notes.md"]
