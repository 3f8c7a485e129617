"""Counts what one message and one worker's task run through in the daemon: functions, modules, changes of module.

    .venv/bin/python tools/walks.py [--modules]

A real daemon with a fake agent runs under `sys.setprofile`. Counted is every call of a function of iapeer's own in its
main thread, from the request until the message is delivered (to an idle session), or until the worker's session is
reaped. What is printed is the median of several walks by changes of module, and the range of these. `--modules` prints
the modules too, in the order in which they are first entered.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))
if TYPE_CHECKING:
    from tests.harness import Root
OURS = str(REPO / "iapeer") + os.sep
RECORD = "IAPEER_WALK"  # in the environment of the daemon that is counted: where its record goes
MESSAGES, TASKS = 5, 3  # how many walks of each


class Profile:
    """The calls since the walk began, written down when it ends. Begun by SIGUSR1, ended by SIGUSR2."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._functions: set[tuple[str, int]] = set()
        self._modules: list[str] = []  # each time another one is entered
        signal.signal(signal.SIGUSR1, self._begin)
        signal.signal(signal.SIGUSR2, self._end)

    def _begin(self, _number: int, _frame: FrameType | None) -> None:
        self._functions.clear()
        self._modules.clear()
        sys.setprofile(self._called)

    def _called(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_name.startswith("<") or not code.co_filename.startswith(OURS):
            return
        self._functions.add((code.co_filename, code.co_firstlineno))
        if self._modules[-1:] != [code.co_filename]:
            self._modules.append(code.co_filename)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        sys.setprofile(None)
        modules = [name.removeprefix(OURS).removesuffix(".py") for name in self._modules]
        record = {"functions": len(self._functions), "entered": list(dict.fromkeys(modules)), "changes": len(modules)}
        unfinished = self._record.with_suffix(".part")
        unfinished.write_text(json.dumps(record))
        unfinished.rename(self._record)


def daemon() -> None:
    """Be the daemon that is counted."""
    Profile(Path(os.environ[RECORD]))
    from iapeer.__main__ import main

    sys.exit(main())


def measure(modules: bool) -> None:
    """Walk both ways, several times each, and print what was counted."""
    from tests.harness import throw_away_root

    with throw_away_root() as root:
        root.program = [sys.executable, __file__]
        root.env[RECORD] = str(root.base / "walk.json")
        root.start()
        print(f"{'walk':<26} {'functions':>9} {'modules':>9} {'changes of module':>18} {'range':>11}")
        for title, walks in (("message, until delivered", _messages), ("task, until reaped", _tasks)):
            records = sorted(walks(root), key=lambda record: int(record["changes"]))
            record, least, most = records[len(records) // 2], records[0]["changes"], records[-1]["changes"]
            entered, changes = record["entered"], record["changes"]
            print(f"{title:<26} {record['functions']:>9} {len(entered):>9} {changes:>18} {f'{least}-{most}':>11}")
            if modules:
                print("  " + "\n  ".join(entered))


def _messages(root: Root) -> Iterator[dict[str, Any]]:
    root.peer("warm")
    root.send("warm", "first", wait="done")
    for _ in range(MESSAGES):
        root.call("GET", "/peers/warm/wait", state="idle", timeout_s=30)
        yield _counted(root, lambda: bool(root.send("warm", "counted")["outcome"] == "delivered"))


def _tasks(root: Root) -> Iterator[dict[str, Any]]:
    root.peer("worker")
    root.call("PATCH", "/peers/worker", {"fields": {"wake_policy": "ephemeral"}})
    log = root.base / "root" / "state" / "logs" / "lifecycle.log"

    def is_reaped() -> bool:
        before = log.read_text().count("cause=reaped")
        root.send("worker", "counted")
        deadline = time.monotonic() + 60
        while log.read_text().count("cause=reaped") == before and time.monotonic() < deadline:
            time.sleep(0.05)
        return time.monotonic() < deadline

    for _ in range(TASKS):
        yield _counted(root, is_reaped)


def _counted(root: Root, walk: Callable[[], bool]) -> dict[str, Any]:
    record = Path(root.env[RECORD])
    record.unlink(missing_ok=True)
    time.sleep(1)  # what the last message left to do is none of this walk
    assert root.daemon is not None
    root.daemon.send_signal(signal.SIGUSR1)
    if not walk():
        sys.exit("The walk did not end as it was to.")
    root.daemon.send_signal(signal.SIGUSR2)
    while not record.exists():
        time.sleep(0.01)
    return dict(json.loads(record.read_text()))


if __name__ == "__main__":
    daemon() if RECORD in os.environ else measure("--modules" in sys.argv)
