"""What the daemon tells and keeps: notices, events and their stream, logs, and its port."""

from __future__ import annotations

import re
import socket
import stat
from contextlib import closing
from itertools import islice

from iapeer.client.wire import error_of
from iapeer.model.errors import Refused
from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import ask_as, logfmt, stream, token_of


def test_a_peer_hears_of_a_failed_message_once(house: Root, new_peer: NewPeer) -> None:
    """Its sender gets one `result` from iapeer naming the message; done messages cause none, nor do notices."""
    alice, bob = new_peer(), new_peer()
    house.send(alice.name, "hello", wait="done")
    token = token_of(alice)
    ask_as(house, token, "/send", {"to": bob.name, "body": "works", "wait": "done"})
    failed = ask_as(house, token, "/send", {"to": bob.name, "body": "@@ERROR boom@@", "wait": "done"})
    assert failed["state"] == "failed"
    wait_for(lambda: len(alice.turns()) == 2, "the notice")
    notice = alice.turns()[1]
    assert (notice.sender, notice.kind, notice.re, notice.intelligence) == ("iapeer", "result", failed["id"], "absent")
    assert "boom" in notice.body
    rows = house.call("GET", f"/peers/{alice.name}/inbox")["rows"]
    assert [row["from"] for row in rows] == ["operator", "iapeer"]
    house.call("POST", f"/peers/{bob.name}/stop", {})
    dead = ask_as(house, token, "/send", {"to": bob.name, "body": "never read"})
    house.call("POST", f"/peers/{alice.name}/stop", {})
    house.call("DELETE", f"/peers/{bob.name}", force=1)
    assert house.state(dead["id"]) == "dead"
    held = house.call("GET", f"/peers/{alice.name}/inbox")["rows"][-1]
    assert (held["from"], held["state"], dead["id"] in house.message(held["message"])["message"]["body"]) == (
        "iapeer", "held", True,
    )  # fmt: skip
    last = house.events("accepted")[-1]["seq"]
    house.call("DELETE", f"/peers/{alice.name}", force=1)
    assert house.state(held["message"]) == "dead"
    assert house.events("accepted")[-1]["seq"] == last


def test_events_can_be_asked_for_from_anywhere(house: Root, new_peer: NewPeer) -> None:
    """`after`, `peer`, `kind` and `limit` select; `next` is where to go on; every message's way is in order."""
    alice, bob = new_peer(), new_peer()
    for agent in (alice, bob):
        house.send(agent.name, "hello", wait="done")
    all_of = house.call("GET", "/events", peer=alice.name, limit=1000)["events"]
    assert {event["personality"] for event in all_of} == {alice.name}
    assert [event["seq"] for event in all_of] == sorted({event["seq"] for event in all_of})
    assert all({"seq", "ts", "ev", "personality", "identity", "message", "session"} <= set(event) for event in all_of)
    way = [
        event["ev"] for event in all_of if event["ev"] in ("accepted", "wake", "ready", "leased", "delivered", "done")
    ]
    assert way == ["accepted", "wake", "ready", "leased", "delivered", "done"]
    found: list[dict[str, object]] = []
    after = 0
    while True:
        page = house.call("GET", "/events", peer=alice.name, kind="accepted,done", after=after, limit=1)
        if not page["events"]:
            break
        found += page["events"]
        after = page["next"]
    assert [event["ev"] for event in found] == ["accepted", "done"]
    assert page["next"] == after
    with_unknown = house.cli("events", "--peer", "nobody-here")
    assert with_unknown.returncode == 3


def test_the_stream_neither_loses_nor_repeats(house: Root, new_peer: NewPeer) -> None:
    """Read some, drop the connection, let more happen, connect again after the last one seen: all, each once."""
    agent = new_peer()
    seen: list[dict[str, object]] = []
    house.send(agent.name, "one", wait="done")
    with stream(house, f"after=0&peer={agent.name}") as events:
        seen += islice(events, 4)
    house.send(agent.name, "two", wait="done")
    last = seen[-1]["seq"]
    with stream(house, f"after={last}&peer={agent.name}") as events:
        seen += islice(events, 5)
        third = house.send(agent.name, "three", wait="done")
        for event in events:
            seen.append(event)
            if (event["ev"], event["message"]) == ("done", third["id"]):
                break
    assert seen == house.events(peer=agent.name)
    with stream(house, f"after=0&peer={agent.name}&kind=done") as events:
        assert [event["ev"] for event in islice(events, 3)] == ["done"] * 3


def test_logs_tell_every_step_and_no_body(house: Root, new_peer: NewPeer) -> None:
    """Each event is one logfmt line in one of the two files; neither a body nor a token is in any log."""
    agent = new_peer()
    sent = house.send(agent.name, "the-secret-word", topic='a "quoted" topic', wait="done")
    token = token_of(agent)
    logs = house.base / "root" / "state" / "logs"
    wait_for(lambda: f"ev=done peer={agent.name}" in (logs / "delivery.log").read_text(), "the log to be written", 5)
    lines = [line for name in ("delivery", "lifecycle") for line in (logs / f"{name}.log").read_text().splitlines()]
    fields = [logfmt(line) for line in lines]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"]) for line in fields)
    steps = [line["ev"] for line in fields if line.get("message") == sent["id"]]
    assert steps == house.steps(sent["id"])
    assert {line["ev"] for line in fields if line.get("peer") == agent.name} >= {"peer_added", "wake", "ready", "done"}
    for path in (*logs.glob("*.log*"), house.base / "daemon.out"):
        text = path.read_text()
        assert "the-secret-word" not in text, path
        assert token not in text, path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 or path.name == "daemon.out"
    assert "Traceback" not in house.said()


def _is_piped(agent: Agent) -> bool:
    """Whether its pane has a writer: one whose log is full has none until it is turned."""
    return agent.tmux("display-message", "-p", "-t", "main:", "#{pane_pipe}").strip() == "1"


def test_logs_are_rotated_while_agents_write(root: Root) -> None:
    """Both kinds of log stay small and private; the agent's pane log goes on from its start after each copy."""
    root.start(
        IAPEER_LOG_BYTES="2000", IAPEER_LOG_FILES="2", IAPEER_PANE_LOG_BYTES="3000", IAPEER_RECONCILE_SECS="1"
    )  # fmt: skip
    alice = root.peer("alice")
    for number in range(6):
        root.send("alice", f"message {number}", wait="done")
    logs = root.base / "root" / "state" / "logs"
    pane = logs / "panes" / "fake-alice.log"
    aside = pane.with_name("fake-alice.log.1")
    wait_for(lambda: aside.exists() and pane.stat().st_size < 500 and _is_piped(alice), "the pane's turn")
    root.send("alice", "after the turn", wait="done")
    both = (pane, aside)  # it may be full again by then
    wait_for(lambda: any(b"after the turn" in log.read_bytes() for log in both), "the pane log to go on")
    assert b"\0" not in pane.read_bytes()
    assert sorted(path.name for path in logs.glob("delivery.log*")) == [
        "delivery.log", "delivery.log.1", "delivery.log.2",
    ]  # fmt: skip
    assert len(alice.turns()) == 7
    for path in logs.rglob("*.log*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        if path.parent == logs:
            assert path.stat().st_size <= 2000, path


def test_the_port_is_chosen_once_and_kept(root: Root) -> None:
    """Recorded and reused whatever the setting says later; when it is taken, that is told with who went deaf."""
    root.start()
    first = root.call("GET", "/status")["daemon"]["tcp"]
    root.peer("alice")
    root.send("alice", "hello", wait="done")
    root.kill()
    root.start(IAPEER_PORT="1")
    assert root.call("GET", "/status")["daemon"]["tcp"] == first
    assert not root.events("port_taken")
    root.kill()
    port = int(first.rpartition(":")[2])
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        root.start()
        assert root.call("GET", "/status")["daemon"]["tcp"] != first
        (taken,) = root.events("port_taken")
        assert (taken["recorded"], taken["deaf"]) == (port, "fake-alice")
        root.kill()
    root.start()
    assert root.call("GET", "/status")["daemon"]["tcp"] == first


def test_status_and_runtimes_have_the_shape_of_the_contract(house: Root, new_peer: NewPeer) -> None:
    """`/status` counts peers and rows by state; `/runtimes` says where each adapter is from and what was found."""
    agent = new_peer()
    house.send(agent.name, "hello", wait="done")
    status = house.call("GET", "/status")
    assert set(status) == {"version", "api", "daemon", "store", "peers", "inbox", "duties", "connections"}
    assert set(status["daemon"]) == {
        "pid",
        "socket",
        "tcp",
        "deaf",
        "taken",
        "certificate",
        "unwatched",
        "uptime_s",
        "managed_by",
    }
    assert status["peers"]["live"] >= 1
    assert status["inbox"]["done"] >= 1
    runtime = house.call("GET", "/runtimes/fake")
    assert set(runtime) == {
        "name", "title", "checked", "versions", "intelligence", "path", "origin", "binary", "version", "warning",
    }  # fmt: skip
    assert (runtime["version"], runtime["warning"], runtime["origin"]) == ("1.0.0", None, "bundled")
    assert "fake" in [found["name"] for found in house.call("GET", "/runtimes")["runtimes"]]
    error = error_of(409, {"error": {"code": "x", "message": "m", "exit": 3}})
    assert isinstance(error, Refused)
