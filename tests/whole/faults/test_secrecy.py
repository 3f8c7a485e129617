"""A message is for its addressee: its text is in no log and on no command line."""

from __future__ import annotations

import contextlib
import threading

import psutil

from tests.harness import Root
from tests.whole.faults.kit import live

SECRET = "kept-between-us-7391"


def test_no_text_in_logs_or_command_lines(fleet: Root) -> None:
    """Neither a log of the daemon nor any process's arguments or environment ever holds a message's text."""
    alice = fleet.peer("alice")
    seen: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    if SECRET in " ".join(process.cmdline()):
                        seen.append(str(process))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        live(fleet, alice, f"{SECRET} @@ERRORS@@ one")
        fleet.send("alice", f"{SECRET} @@EXIT 3@@", wait="done")
        fleet.send("alice", SECRET + " x" * 7000, topic="t", wait="done")
        fleet.call("GET", "/peers/alice/inbox")
    finally:
        stop.set()
        watcher.join()
    assert seen == []
    assert sum(SECRET in record["text"] for record in alice.records("user")) == 3
    logs = [path for path in (fleet.base / "root" / "state" / "logs").glob("*") if path.is_file()]
    assert {"delivery.log", "lifecycle.log"} <= {path.name for path in logs}
    assert [path.name for path in [*logs, fleet.base / "daemon.out"] if SECRET in path.read_text()] == []
    assert list((fleet.base / "root" / "state" / "spool").iterdir()) == []
