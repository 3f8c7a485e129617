"""The daemon's return: what lived is found again, what died is settled, and strangers are left alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from iapeer.model.errors import Unreachable
from tests.harness import Root, wait_for
from tests.whole.daemon.tools import adapter_copy
from tests.whole.faults.kit import dead


def _sql(root: Root, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(root.base / "root" / "state" / "iapeer.db")) as sql:
        sql.execute(statement, values)
        sql.commit()


def test_sessions_are_found_again_and_draining_goes_on(fleet: Root) -> None:
    """kill -9 in a turn, with more waiting: the same session and process, the turn ends as done, then the rest."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "before", wait="done")
    running = fleet.send("alice", "@@SLOW 1.2@@", wait="delivered")
    waiting = [fleet.send("alice", f"waiting {number}") for number in range(2)]
    pid = alice.pid
    fleet.kill()
    fleet.start()
    assert (alice.pid, fleet.runtime("alice")["session"]) == (pid, first["session"])
    (found,) = fleet.events("readopted")
    assert (found["session"], found["personality"]) == (first["session"], "alice")
    for sent in (running, *waiting):
        assert fleet.until(sent["id"], "done", "failed")["row"]["session"] == first["session"]
        assert fleet.state(sent["id"]) == "done"
    assert alice.bodies() == ["before", "@@SLOW 1.2@@", "waiting 0", "waiting 1"]
    assert all(turn.attempt == 1 for turn in alice.turns())
    assert len(fleet.events("wake")) == 1


def test_a_session_that_died_meanwhile_is_settled(fleet: Root) -> None:
    """Its end is recorded, the message it had in a turn fails and says so, and what waited wakes a new one."""
    alice = fleet.peer("alice")
    running = fleet.send("alice", "@@SLOW 60@@", wait="delivered")
    waiting = fleet.send("alice", "waiting")
    pid = alice.pid
    fleet.kill()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: dead(pid), "the agent's end")
    fleet.start()
    row = fleet.until(running["id"], "failed")["row"]
    assert "session died" in row["error"]
    ended = fleet.call("GET", f"/sessions/{running['session']}")
    assert ended["end_cause"] is not None
    done = fleet.until(waiting["id"], "done")["row"]
    assert done["session"] != running["session"]
    assert alice.bodies() == ["@@SLOW 60@@", "waiting"]


def test_a_message_that_a_dead_agent_had_taken_is_not_sent_again(root: Root) -> None:
    """The daemon dies right after Enter, then the agent: its record holds the message, found where it had to be."""
    root.start(fault="enter:after")
    alice = root.peer("alice")
    with pytest.raises(Unreachable):
        root.send("alice", "@@SLOW 60@@", wait="delivered")
    root.wait_dead()
    wait_for(lambda: alice.records("user"), "the turn")
    (agent,) = [process for process in root.processes() if "fake_agent.py" in " ".join(process.cmdline())]
    agent.kill()
    wait_for(lambda: dead(agent.pid), "the agent's end")
    root.start()
    (row,) = root.call("GET", "/peers/alice/inbox")["rows"]
    assert root.until(row["message"], "failed")["row"]["attempt"] == 1
    assert root.steps(row["message"]) == ["accepted", "waiting", "leased", "typed", "delivered", "failed"]
    assert alice.bodies() == ["@@SLOW 60@@"]


def test_a_reused_process_number_is_left_alone(fleet: Root) -> None:
    """The recorded agent and server are gone and their numbers are a stranger's now: the stranger is not touched."""
    alice = fleet.peer("alice")
    fleet.send("alice", "hello", wait="done")
    server = psutil.Process(alice.pid).parent()
    fleet.kill()
    assert server is not None
    server.kill()
    wait_for(lambda: dead(server.pid), "the server's end")
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        _sql(fleet, "UPDATE sessions SET pid = ?, server_pid = ?", stranger.pid, stranger.pid)
        fleet.start()
        assert fleet.runtime("alice")["status"] == "asleep"
        assert fleet.send("alice", "again", wait="done")["outcome"] == "delivered"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stop_outlives_the_daemon(fleet: Root) -> None:
    """A stopped peer is stopped after a restart too, also if the daemon died between the intent and the act."""
    alice, bob = fleet.peer("alice"), fleet.peer("bob")
    for name in ("alice", "bob"):
        fleet.send(name, "hello", wait="done")
    fleet.call("POST", "/peers/alice/stop", {})
    held = fleet.send("alice", "held")
    pid = bob.pid
    fleet.kill()
    _sql(fleet, "UPDATE peers SET stopped = 1 WHERE personality = 'bob'")
    fleet.start()
    assert fleet.runtime("alice")["status"] == fleet.runtime("bob")["status"] == "stopped"
    assert not any(process.pid == pid for process in fleet.processes())
    assert (fleet.state(held["id"]), fleet.message(held["id"])["row"]["reason"]) == ("held", "stopped")
    fleet.call("POST", "/peers/alice/start", {})
    fleet.until(held["id"], "done")
    assert alice.bodies() == ["hello", "held"]


def test_an_adapter_gone_meanwhile_keeps_nobody_else_from_living(fleet: Root) -> None:
    """One session cannot be taken over: it is told and left alone; the daemon comes up, and the others are found."""
    adapter = adapter_copy(fleet, "fakeb")
    fleet.peer("alice")
    fleet.send("alice", "hello", wait="done")
    folder = fleet.base / "bob"
    launch = folder / ".iapeer" / "runtimes" / "fakeb" / "launch.env"
    launch.parent.mkdir(parents=True)
    launch.write_text(f"FAKE_HOME={fleet.base}/bob-home\n")
    fleet.call("POST", "/peers", {"dir": str(folder), "runtime": "fakeb", "trust": True})
    fleet.send("bob", "hello", wait="done")
    pid = int(fleet.runtime("bob")["pid"])
    fleet.kill()
    text = adapter.read_text()
    adapter.unlink()
    fleet.start()
    (failed,) = fleet.events("actor_error", peer="bob")
    assert "fakeb" in failed["error"]
    assert psutil.pid_exists(pid)
    assert fleet.send("alice", "again", wait="done")["outcome"] == "delivered"
    adapter.write_text(text)
    assert fleet.send("bob", "mended", wait="done", timeout_s=60)["outcome"] == "delivered"
    assert int(fleet.runtime("bob")["pid"]) == pid


def test_a_tmux_server_that_hangs_is_no_reason_to_end_its_agent(fleet: Root) -> None:
    """The server is stopped while a daemon comes up: the agent is left alone, and taken over later."""
    alice = fleet.peer("alice")
    first = fleet.send("alice", "hello", wait="done")
    pid, session = alice.pid, first["session"]
    server = int(alice.tmux("display-message", "-p", "#{pid}"))
    fleet.kill()
    os.kill(server, signal.SIGSTOP)
    try:
        fleet.start()
        wait_for(lambda: fleet.events("actor_error", peer="alice"), "the trouble to be told")
        assert psutil.pid_exists(pid)
    finally:
        os.kill(server, signal.SIGCONT)
    second = fleet.send("alice", "again", wait="done", timeout_s=60)
    assert (second["outcome"], second["session"], alice.pid) == ("delivered", session, pid)
    assert alice.bodies() == ["hello", "again"]


def test_a_clean_stop_leaves_sessions_alive(fleet: Root) -> None:
    """POST /daemon/stop and SIGTERM end the daemon alone: exit 0, no socket file, the agents as they were."""
    alice = fleet.peer("alice")
    fleet.send("alice", "one", wait="done")
    pid = alice.pid
    assert fleet.daemon is not None
    assert fleet.call("POST", "/daemon/stop", {}) == {"stopping": True}
    assert fleet.daemon.wait(10) == 0
    assert not fleet.socket.exists()
    fleet.start()
    fleet.daemon.terminate()
    assert fleet.daemon.wait(10) == 0
    fleet.start()
    assert alice.pid == pid
    assert fleet.said() == ""


def test_nothing_is_left_after_the_last_peer_is_removed(fleet: Root) -> None:
    """When every peer is gone, so are their processes, sockets, private files and pane logs."""
    state = fleet.base / "root" / "state"
    fleet.peer("alice")
    fleet.send("alice", "@@BG 60@@ @@TOOL sleep 60@@", wait="delivered")
    fleet.call("DELETE", "/peers/alice", force=1)
    left = [process for process in fleet.processes() if "IAPEER_SESSION" in process.environ()]
    assert left == []
    assert sorted(path.name for path in (state / "socks").iterdir()) == ["daemon.sock"]
    for folder in (state / "sessions", state / "spool", state / "logs" / "panes"):
        assert list(folder.iterdir()) == [], folder
    assert Path(fleet.base / "alice" / ".iapeer").is_dir()
