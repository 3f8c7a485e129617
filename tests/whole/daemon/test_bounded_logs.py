"""No log grows without a bound: a flooding pane's, and what the daemon itself says."""

from __future__ import annotations

import contextlib
import logging
import stat
import subprocess
from pathlib import Path

from iapeer.server.ownoutput import PERIOD_S, RECORDS, Rationed
from iapeer.testing.clock import ManualClock
from tests.harness import Root, wait_for

PANE_BYTES = 200_000
FLOOD_BYTES = 10_000_000


def _sizes(folder: Path, name: str) -> int:
    sizes = 0
    for path in folder.glob(f"{name}*"):
        with contextlib.suppress(FileNotFoundError):  # it was turned in between
            sizes += path.stat().st_size
    return sizes


def test_a_flooding_panes_log_is_bounded(root: Root) -> None:
    """Fifty times its setting: never more than twice that on disk, others are answered, and it goes on."""
    root.start(IAPEER_PANE_LOG_BYTES=str(PANE_BYTES), IAPEER_RECONCILE_SECS="1")
    alice, bob = root.peer("alice"), root.peer("bob")
    for agent in (alice, bob):
        root.call("POST", f"/peers/{agent.name}/start", {})
    panes, tty = root.base / "root" / "state" / "logs" / "panes", alice.tmux("display-message", "-p", "#{pane_tty}")
    command = f"yes 'a line of a flood that goes on and on' | head -c {FLOOD_BYTES} > {tty}"
    with subprocess.Popen(["sh", "-c", command]) as flood:
        root.send("bob", "while it floods", wait="done")
        highest = 0
        while flood.poll() is None:
            highest = max(highest, _sizes(panes, "fake-alice"))
    assert PANE_BYTES // 2 < highest <= 2 * PANE_BYTES
    assert bob.bodies() == ["while it floods"]

    def goes_on() -> bool:
        Path(tty.strip()).write_text("after the flood\r\n")
        return b"after the flood" in (panes / "fake-alice.log").read_bytes()

    wait_for(goes_on, "the log to go on")
    assert {stat.S_IMODE(path.stat().st_mode) for path in panes.iterdir()} == {0o600}


def test_what_the_daemon_says_is_bounded(root: Root) -> None:
    """Its file is put aside once it is too large, private, and it goes on in a new one."""
    env = {"IAPEER_LOG_BYTES": "2000", "IAPEER_RECONCILE_SECS": "1", "IAPEER_FAULT_RAISES": "duty:mcp*99"}
    root.cli("daemon", "start", check=True, **env)
    said = root.base / "root" / "state" / "logs" / "daemon.out"
    with said.open("a") as file:
        file.write("much of it\n" * 300)
    aside = said.with_name("daemon.out.1")
    wait_for(aside.exists, "its turn")
    assert "much of it" in aside.read_text()
    wait_for(lambda: "duty mcp failed" in said.read_text(), "the daemon to go on")
    assert "much of it" not in said.read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (said, aside)} == {0o600}


def test_what_comes_too_fast_is_left_out_and_counted() -> None:
    """Some of it is said, and then how much was not."""
    clock = ManualClock()
    ration, records = Rationed(clock), [logging.makeLogRecord({"msg": f"trouble {n}"}) for n in range(RECORDS + 41)]
    assert sum(map(ration.filter, records[:-1])) == RECORDS
    clock.advance(PERIOD_S + 1)
    assert ration.filter(records[-1])
    assert records[-1].getMessage() == f"(40 more were left out) trouble {RECORDS + 40}"
