"""Background duties fail aloud and go on; `/mcp` says at once that it cannot be served."""

from __future__ import annotations

import json
import shutil
import time
from typing import Any

from iapeer.model.clock import ManualClock
from iapeer.model.timing import TIMING
from iapeer.server.duties import Duties
from tests.harness import Root, wait_for
from tests.whole.mcp.tools import Caller, operator_token, port_of

NAMES = {"time", "heartbeat", "pane-logs", "files", "footing", "logs", "mcp"}
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


def _duties(root: Root) -> dict[str, dict[str, Any]]:
    return {duty["name"]: duty for duty in root.call("GET", "/status")["duties"]}


def test_each_is_told_counted_and_begun_again(root: Root) -> None:
    """One failure of each: an event, a line in the log without foreign words; then all of them get on."""
    root.start(IAPEER_RECONCILE_SECS="1", IAPEER_FAULT_RAISES=" ".join(f"duty:{name}" for name in NAMES))
    alice = root.peer("alice")
    failed = root.events("duty_failed")
    assert {event["duty"] for event in failed} == NAMES
    assert all(event["error"].startswith("ArithmeticError at faults.py:") for event in failed)
    assert root.said().count("is begun again in 1 s") == len(NAMES)
    assert "words of duty" not in root.said()
    sent = root.send("alice", "later", at_ms=round(time.time() * 1000) + 500)
    root.until(sent["id"], "done")
    assert alice.bodies() == ["later"]
    log = root.base / "root" / "state" / "logs" / "delivery.log"
    wait_for(lambda: log.exists() and "ev=done" in log.read_text(), "the log to go on")
    wait_for(lambda: all(_duties(root)[name]["error"] is None for name in NAMES - {"mcp"}), "all to get on")
    assert {name: duty["failures"] for name, duty in _duties(root).items()} == dict.fromkeys(NAMES, 1)


def test_one_that_keeps_failing_is_seen(root: Root) -> None:
    """With growing pauses; `status` names it, `verify` calls it an error; the well ones take no line."""
    root.start(IAPEER_FAULT_RAISES="duty:heartbeat*99")
    wait_for(lambda: len(root.events("duty_failed")) > 1, "a second failure")
    first, second = root.events("duty_failed")[:2]
    assert second["again_s"] > first["again_s"]
    status = root.cli("status", check=True).stdout
    assert "duty heartbeat  It failed" in status
    assert "duty time" not in status
    verified = root.cli("verify")
    assert verified.returncode == 1
    assert "duty heartbeat" in verified.stdout


def test_silence_is_noticed() -> None:
    """A duty that gets on no more, and has not failed, is a problem; one that only waits to be needed is none."""
    clock = ManualClock()
    duties = Duties(clock, lambda *_, **__: None, TIMING.server)
    for name, quiet_s in (("beats", 60.0), ("waits", None)):
        duties.add(name, _never, quiet_s)
    clock.advance(59)
    assert {duty["problem"] for duty in duties.states()} == {None}
    clock.advance(2)
    beats, waits = duties.states()
    assert "61 s" in (beats["problem"] or "")
    assert waits["problem"] is None


async def _never(_progressed: object) -> None:
    raise AssertionError


def test_an_sdk_that_cannot_be_imported_is_said_at_once_and_tried_again(root: Root) -> None:
    """No request to /mcp hangs; once it can be imported, it serves."""
    broken = root.base / "modules" / "mcp"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text('raise RuntimeError("this is broken")\n')
    root.start(PYTHONPATH=str(broken.parent))
    someone = Caller(port_of(root), operator_token(root), root.peer("alice"))
    for _ in range(3):
        status, answer = someone.post(LIST_TOOLS)
        assert (status, answer["error"]["data"]["code"]) == (500, "no-mcp"), json.dumps(answer)
        assert "RuntimeError" in answer["error"]["message"]
    assert _duties(root)["mcp"]["problem"]
    shutil.rmtree(broken)
    answer = wait_for(lambda: someone.post(LIST_TOOLS)[1].get("result"), "the SDK to be loaded")
    assert [tool["name"] for tool in answer["tools"]] == ["send_to_peer"]
    assert _duties(root)["mcp"]["problem"] is None
