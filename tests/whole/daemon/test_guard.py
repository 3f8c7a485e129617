"""The guard on real sessions: who keeps dying is left down, loses nothing, and is tried again in time."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from iapeer.model.errors import Refused
from tests.harness import Root, wait_for
from tests.whole.daemon.clocked import Moving
from tests.whole.daemon.tools import adapter_copy

DAY_S = 86_400


@pytest.fixture
def time(root: Root) -> Moving:
    """A daemon whose clock the test moves."""
    moving = Moving(root)
    root.start()
    return moving


def _wakes(root: Root) -> int:
    return len(root.events("wake", peer="alice"))


def _crash(root: Root, times: int = 1) -> None:
    """So many messages that their agent does not survive, one after the other."""
    for _ in range(times):
        ident = root.send("alice", "@@CRASH@@")["id"]
        assert root.until(ident, "failed")["row"]["error"] == "session died (exit)"


def _waits(root: Root, ident: str, reason: str = "guard") -> dict[str, Any]:
    """The row of a message, once it is held for this reason."""

    def there() -> dict[str, Any] | None:
        row: dict[str, Any] = root.message(ident)["row"]
        return row if (row["state"], row["reason"]) == ("held", reason) else None

    return wait_for(there, f"{ident} to be held: {reason}")


def _guards(root: Root, kind: str = "guard") -> list[tuple[int, int]]:
    return [(event["failures"], event["again_s"]) for event in root.events(kind, peer="alice")]


def _stays(root: Root, wakes: int) -> None:
    """Its actor looked at its inbox at least once since, and woke nobody."""
    for _ in range(2):  # what is asked is answered at the begin of a look
        with pytest.raises(Refused) as asleep:
            root.call("GET", "/peers/alice/screen")
        assert asleep.value.code == "asleep"
    assert _wakes(root) == wakes


def test_an_agent_that_dies_of_each_message_is_left_down(root: Root, time: Moving) -> None:
    """The first two deaths hold nothing up, the third does for 30 s, the next for 60; what waits is held and told."""
    alice = root.peer("alice")
    _crash(root, 2)
    assert (_guards(root), root.runtime("alice")["status"]) == ([], "asleep")
    _crash(root)
    assert _guards(root) == [(3, 30)]
    fatal = root.send("alice", "@@CRASH@@")
    assert (fatal["outcome"], fatal["reason"], fatal["woke"]) == ("queued", "guard", False)
    assert "tried again in" in fatal["detail"]
    assert "`iapeer start alice`" in fatal["detail"]
    assert "signal 9" in fatal["detail"]
    _waits(root, fatal["id"])
    kept = root.send("alice", "hello")["id"]
    _waits(root, kept)
    _stays(root, 3)
    time.advance(31)
    root.until(fatal["id"], "failed")
    _waits(root, kept)
    assert (_guards(root), _wakes(root)) == ([(3, 30), (4, 60)], 4)
    time.advance(31)
    _stays(root, 4)
    time.advance(30)
    root.until(kept, "done")
    assert alice.bodies() == ["@@CRASH@@"] * 4 + ["hello"]
    assert root.message(kept)["row"]["attempt"] == 1
    assert not root.events("launch_failed")


def test_what_people_see(root: Root, time: Moving) -> None:
    """list, show, inbox and send say that it is failing, for what, and when it is tried again; attach says no."""
    root.peer("alice")
    _crash(root, 3)
    ident = root.send("alice", "hello")["id"]
    _waits(root, ident)
    entry = root.runtime("alice")
    assert (entry["status"], entry["activity"]) == ("failing", None)
    blocked = entry["blocked_on"]
    assert (blocked["reason"], blocked["text"]) == ("guard", "the agent ended (signal 9)")
    (event,) = root.events("guard")
    assert abs(blocked["until"] - event["ts"] - 30_000) < 500
    row = next(line for line in root.cli("list", check=True).stdout.splitlines() if line.startswith("alice"))
    assert "failing" in row
    assert "(guard, again in" in row
    assert "signal 9" in root.cli("show", "alice", check=True).stdout
    shown = root.cli("inbox", "alice", check=True).stdout
    assert "held: guard" in shown
    assert "fake-alice is failing (guard), and tried again at" in shown
    said = root.cli("send", "alice", "more", check=True).stdout
    assert "queued for alice: guard, 2nd in line" in said
    assert "tried again in" in said
    for verb in ("attach", "compact"):
        with pytest.raises(Refused, match="iapeer start alice") as refused:
            root.call("POST", f"/peers/alice/{verb}", {"read_only": False} if verb == "attach" else {})
        assert refused.value.code == "guard"
    assert _wakes(root) == 3


def test_a_start_ends_the_wait(root: Root, time: Moving) -> None:
    """At once, and what was before is forgotten: two more deaths hold nothing up."""
    root.peer("alice")
    _crash(root, 3)
    ident = root.send("alice", "hello")["id"]
    _waits(root, ident)
    root.call("POST", "/peers/alice/start", {})
    root.until(ident, "done")
    assert root.steps(ident).count("held") == 1
    _crash(root, 2)
    assert root.send("alice", "again", wait="done")["state"] == "done"
    assert _guards(root) == [(3, 30)]


def test_five_minutes_alive_clear_the_ring(root: Root, time: Moving) -> None:
    """Being ready does not; nor does an end that was decided."""
    root.peer("alice")
    _crash(root, 2)
    root.send("alice", "hello", wait="done")
    time.advance(299)
    root.call("POST", "/peers/alice/stop", {})
    root.call("POST", "/peers/alice/start", {})
    _crash(root, 2)
    root.send("alice", "hello", wait="done")
    time.advance(301)
    _crash(root)
    assert root.send("alice", "hello", wait="done")["state"] == "done"
    assert _guards(root) == []


def test_a_message_that_is_never_taken_keeps_its_own_limit(root: Root, time: Moving) -> None:
    """It is typed in five sessions at most, and the guard stands between them."""
    alice = root.peer("alice", "--read-delay=60")
    ident = root.send("alice", "hello")["id"]
    for attempt in range(1, 6):
        wait_for(lambda: root.steps(ident).count("typed") == attempt, f"attempt {attempt}")  # noqa: B023 - called here
        os.kill(alice.pid, signal.SIGKILL)
        if attempt in (3, 4):
            assert _waits(root, ident)["attempt"] == attempt + 1
            time.advance(30 * 2 ** (attempt - 3) + 1)
    assert "typed in 5 sessions" in root.until(ident, "dead")["row"]["error"]
    assert _guards(root) == [(3, 30), (4, 60), (5, 120)]


# ---- the daemon dies


def test_a_new_daemon_leaves_it_down(root: Root, time: Moving) -> None:
    """kill -9 ends no wait: what was held is held, nobody is woken, and the wait goes on where it was."""
    alice = root.peer("alice", "--die-at-boot=7")
    ident = root.send("alice", "hello")["id"]
    _waits(root, ident)
    assert _guards(root, "launch_failed") == [(1, 0), (2, 0), (3, 30)]
    time.jump(10, 10)
    root.kill()
    root.start()
    assert _waits(root, ident)["attempt"] == 1
    blocked = root.runtime("alice")["blocked_on"]
    assert (root.runtime("alice")["status"], blocked["reason"]) == ("failing", "guard")
    assert "exit code 7" in blocked["text"]
    assert "fatal: cannot start" in blocked["text"]
    _stays(root, 3)
    time.jump(21, 21)
    wait_for(lambda: _guards(root) == [(3, 30), (4, 60)], "the next try")
    _waits(root, ident)
    alice.configure()
    root.kill()
    root.start()
    _waits(root, ident)
    root.call("POST", "/peers/alice/start", {})
    root.until(ident, "done")
    assert root.runtime("alice")["blocked_on"] is None
    assert alice.bodies() == ["hello"]


def test_deaths_before_and_while_a_daemon_was_dead_count(root: Root, time: Moving) -> None:
    """One that it saw, one that nobody saw, and one that its successor sees."""
    alice = root.peer("alice")
    _crash(root)
    root.send("alice", "hello", wait="done")
    pid = alice.pid
    root.kill()
    os.kill(pid, signal.SIGKILL)
    root.start()
    root.send("alice", "hello", wait="done")
    root.kill()
    root.start()
    _crash(root)
    assert _guards(root) == [(3, 30)]
    causes = [event["cause"] for event in root.events("session_ended")]
    assert causes[0] == causes[2] == "exit"
    assert causes[1] in ("lost", "exit")


@pytest.mark.parametrize("jump", [-DAY_S, DAY_S])
def test_a_jump_of_the_wall_clock_changes_nothing(root: Root, time: Moving, jump: int) -> None:
    """A daemon goes by time that does not jump; its successor holds nobody for longer than it would have."""
    root.peer("alice")
    _crash(root, 3)
    ident = root.send("alice", "hello")["id"]
    _waits(root, ident)
    time.jump(jump)
    _stays(root, 3)
    _waits(root, ident)
    root.kill()
    root.start()
    root.until(ident, "done")


# ---- stop, and other runtimes


def test_stop_wins(root: Root, time: Moving) -> None:
    """A stopped peer's messages are held as that, whatever time passes or daemon dies; a start lets all of them go."""
    alice = root.peer("alice")
    _crash(root, 3)
    first = root.send("alice", "one")["id"]
    _waits(root, first)
    root.call("POST", "/peers/alice/stop", {})
    assert root.message(first)["row"]["reason"] == "stopped"
    second = root.send("alice", "two")["id"]
    _waits(root, second, "stopped")
    assert (root.runtime("alice")["status"], root.runtime("alice")["blocked_on"]) == ("stopped", None)
    time.advance(61)
    _stays(root, 3)
    root.kill()
    root.start()
    _waits(root, first, "stopped")
    _stays(root, 3)
    root.call("POST", "/peers/alice/start", {})
    root.until(second, "done")
    assert alice.bodies()[3:] == ["one", "two"]
    assert all(row["state"] != "held" for row in root.call("GET", "/peers/alice/inbox")["rows"])


def test_one_runtime_of_a_peer_is_left_down_alone(root: Root, time: Moving) -> None:
    """The other one takes its messages meanwhile."""
    adapter_copy(root, "other")
    alice = root.peer("alice")
    root.call("POST", "/peers/alice/runtimes", {"runtime": "other"})
    _crash(root, 3)
    scheduled = root.send("alice", "later", runtime="other", at_ms=int(root.events("guard")[0]["ts"]) + 3_600_000)["id"]
    mine = root.send("alice", "hello", runtime="fake")["id"]
    _waits(root, mine)
    assert root.state(scheduled) == "queued"
    runtimes = alice.folder / ".iapeer" / "runtimes"
    (runtimes / "other").mkdir(exist_ok=True)
    (runtimes / "other" / "launch.env").write_text((runtimes / "fake" / "launch.env").read_text())
    alice.trust()
    assert root.send("alice", "hello", runtime="other", wait="done")["state"] == "done"
    _waits(root, mine)


@pytest.mark.parametrize("ahead", [DAY_S, -DAY_S])
@pytest.mark.parametrize("killed", [False, True])
def test_an_agent_by_another_clock_is_understood(root: Root, time: Moving, ahead: int, killed: bool) -> None:
    """A turn is open until its own end, although its records are dated a day before or after the daemon's time."""
    agent = root.peer("agent")
    time.jump(ahead)
    root.send("agent", "hello", wait="done")
    gate = root.base / "gate"
    sent = root.send("agent", f"@@TOOL while [ ! -e {gate} ]; do sleep 0.02; done@@")["id"]
    root.until(sent, "running")
    if killed:
        root.kill()
        root.start()
    later = root.send("agent", "later")["id"]
    wait_for(lambda: root.runtime("agent")["activity"] == "busy", "the agent to be seen at work")
    assert (root.state(sent), root.state(later)) == ("running", "queued")
    gate.touch()
    assert [root.until(one, "done", "failed")["row"]["state"] for one in (sent, later)] == ["done", "done"]
    assert len(agent.turns()) == 3
