"""What schemathesis loads: it keeps requests inside the throw-away root, lets them meet what exists, and short."""

from __future__ import annotations

import itertools
import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

Case = schemathesis.Case[Any]
ROOT = Path(os.environ["IAPEER_TEST_BASE"])
KNOWN: dict[str, list[str]] = json.loads(os.environ["IAPEER_TEST_KNOWN"])  # names by the path's first part
DOOMED = "doomed"  # the one that is removed: the others are to be there for every request
SHORT_S = 0.05
_NUMBERS = itertools.count()
WEEK_S = 7 * 24 * 3600


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Change the case as it is about to be sent."""
    _name(case)
    if isinstance(case.body, dict):
        _body(case.body)
    for name in ("timeout_s", "wait_end_s"):
        _query(case, name)
    for name, value in case.query.items():
        if value == "" and name != "kind":  # an empty value is none: send another that is no name
            case.query[name] = "?"


def _chance(value: object, of: int) -> int:
    """A number below `of`, always the same for a value."""
    return zlib.crc32(repr(value).encode()) % of


def _name(case: Case) -> None:
    known = [DOOMED] if case.method == "DELETE" else KNOWN.get(case.path.split("/")[1], [])
    chance = next(_NUMBERS)
    if known and "name" in case.path_parameters and chance % 3:
        case.path_parameters["name"] = known[chance % len(known)]


def _body(body: dict[str, Any]) -> None:
    folder = body.get("dir")
    if isinstance(folder, str) and folder:
        body["dir"] = str(ROOT / f"folder-{_chance(folder, 8)}")
    for name in ("to", "runtime"):
        known = KNOWN["peers" if name == "to" else "runtimes"]
        if isinstance(body.get(name), str) and _chance(body[name], 3):
            body[name] = known[_chance(body[name], len(known))]
    if body.get("wait") is not None and _waits(body.get("timeout_s", WEEK_S)):
        body["timeout_s"] = SHORT_S


def _query(case: Case, name: str) -> None:
    asked = {parameter.name for parameter in case.operation.query}
    if name in asked and (name not in case.query or _waits(case.query[name])):
        case.query[name] = SHORT_S


def _waits(value: object) -> bool:
    try:
        return value is None or 0 <= float(str(value)) <= WEEK_S
    except ValueError:
        return False
