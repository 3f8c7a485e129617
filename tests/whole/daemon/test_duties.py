"""Background duties fail aloud and go on; `/mcp` says at once that it cannot be served."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import shutil
import sys
import time
from dataclasses import replace
from typing import Any

from iapeer.model.timing import TIMING
from iapeer.server.duties import Duties
from iapeer.testing.clock import ManualClock
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
    assert re.search(r"^duties .*time \d+ s ago.* heartbeat not yet", status, re.MULTILINE)
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


def test_none_ends_in_silence() -> None:
    """Not one that lets a cancellation through, nor a task or a callback that nobody waits for. Words are not told."""
    told: list[tuple[str, str]] = []
    again = asyncio.Event()

    async def cancelled(_progressed: object) -> None:
        again.set() if told else None
        raise asyncio.CancelledError

    async def lost() -> None:
        raise ValueError("words of a message")

    async def story() -> None:
        waits = replace(TIMING.server, duty_first=0.01)
        duties = Duties(ManualClock(), lambda ev, **fields: told.append((ev, fields["error"])), waits)
        asyncio.get_running_loop().set_exception_handler(duties.note_stray)
        duties.add("odd", cancelled, None)
        running = asyncio.create_task(duties.run())
        await asyncio.wait_for(again.wait(), 30)
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        assert told[0] == ("duty_failed", "something that it waited for was cancelled")
        told.clear()
        await asyncio.wait({asyncio.create_task(lost())})
        gc.collect()
        asyncio.get_running_loop().call_soon(_fails)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(story())
    assert [(ev, error.split(" at ")[0]) for ev, error in told] == [
        ("stray_failure", "ValueError"),
        ("stray_failure", "ZeroDivisionError"),
    ]


def _fails() -> None:
    raise ZeroDivisionError


def test_an_sdk_that_cannot_be_imported_is_said_at_once_and_tried_again(root: Root) -> None:
    """No request to /mcp hangs; once it can be imported, it serves."""
    broken = root.base / "modules" / "mcp"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text('raise RuntimeError("this is broken")\n')
    root.program = [sys.executable, "-m", "iapeer"]  # a new process: it has not imported the SDK
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
