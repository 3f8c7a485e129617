"""The file in which an agent says what it is doing right now, where it keeps one. Undocumented: always optional."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from iapeer.files.regular import read_regular
from iapeer.model.names import conversation_id
from iapeer.runtimes.adapter import LiveState
from iapeer.runtimes.records import dig, millis, values

Status = Literal["idle", "busy", "background", "waiting", "loading"]


@dataclass(frozen=True, slots=True)
class Live:
    """What the file says. `updated_ms` is when the status last changed; `reason` is set while waiting."""

    status: Status
    reason: str | None = None
    conversation: str | None = None
    updated_ms: int | None = None


class Unreadable(Exception):
    """The file is there and does not say what the adapter expects: this release may have changed it."""


def read_live(rules: LiveState, path: Path, started: int | None) -> Live | None:
    """The live state, None when there is no file (or it is another process's, or half written).

    `started` is the process' start time in clock ticks where it can be told. Raises Unreadable.
    """
    try:
        data = json.loads(read_regular(path))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        return None  # caught in the middle of a rewrite: the next change brings the rest
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from error
    since, conversation, updated, status = values(
        data, rules.started, rules.conversation, rules.updated_ms, rules.status
    )
    updated_ms = millis(updated)
    if started is not None and since is not None and str(since) != str(started):
        return None
    word = _status(rules, status)
    reason = _reason(rules, data) if word == "waiting" else None
    return Live(word, reason, conversation_id(conversation), updated_ms)


def _status(rules: LiveState, value: object) -> Status:
    if value is None:
        return "loading"
    words: tuple[tuple[Status, list[str]], ...] = (
        ("idle", rules.idle), ("busy", rules.busy), ("background", rules.background), ("waiting", rules.waiting),
    )  # fmt: skip
    for status, known in words:
        if value in known:
            return status
    raise Unreadable(f"its status is {value!r}, which the adapter does not know")


def _reason(rules: LiveState, data: object) -> str:
    word = dig(data, rules.waiting_for) if rules.waiting_for else None
    return rules.reasons.get(word, "question") if isinstance(word, str) else "question"
