"""`iapeer send`: the path agents take all day, so without click. What `parse` does not understand goes to click.

Without pathlib too: see sockpath.py.
"""

from __future__ import annotations

import os
import sys

from iapeer.cli.client import PATIENCE_S, SPARE_S, call
from iapeer.cli.text import complain, ordinal, seconds, took, visible
from iapeer.model.errors import Failed, Refused, TimedOut, Undelivered, Usage

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 4 << 20  # what is read at most; the daemon has a much lower limit, and names it
WAITS = ("delivered", "done")
_VALUED = {
    "-f": "file",
    "--file": "file",
    "-r": "runtime",
    "--runtime": "runtime",
    "--topic": "topic",
    "--re": "re",
    "--wait": "wait",
    "--timeout": "timeout",
}


def parse(args: list[str]) -> dict[str, Any] | None:
    """The arguments of `send`, or None when they are not plain (help, a mistake, a rare spelling)."""
    found: dict[str, Any] = dict.fromkeys(_VALUED.values())
    found["as_json"] = False
    words: list[str] = []
    rest = iter(args)
    for arg in rest:
        name, equals, value = arg.partition("=")
        if arg == "--":
            words.extend(rest)
        elif arg == "--json":
            found["as_json"] = True
        elif arg in _VALUED:
            taken = next(rest, None)
            if taken is None or (taken.startswith("-") and taken != "-"):
                return None
            found[_VALUED[arg]] = taken
        elif equals and name.startswith("--") and name in _VALUED:
            found[_VALUED[name]] = value
        elif arg.startswith("-") and arg != "-":
            return None
        else:
            words.append(arg)
    return {"peer": words[0], "text": tuple(words[1:]), **found} if words else None


def send(
    peer: str,
    text: tuple[str, ...],
    file: str | None,
    runtime: str | None,
    topic: str | None,
    re: str | None,
    wait: str | None,
    timeout: str | None,
    as_json: bool,
) -> int:
    """Send one message, say what became of it, and return the exit code."""
    if wait is not None and wait not in WAITS:
        raise Usage(f"'{wait}' cannot be waited for: use --wait delivered or --wait done.", code="bad-wait")
    limit = None if timeout is None else seconds(timeout)
    wishes = {"runtime": runtime, "topic": topic, "re": re, "wait": wait, "timeout_s": limit}
    given = {name: value for name, value in wishes.items() if value is not None}
    sent = _post({"to": peer, "body": read_body(text, file), **given}, wait, limit)
    if as_json:
        import json

        print(json.dumps(sent))
        return exit_code(sent, wait)
    return tell(sent, wait)


def _post(body: dict[str, Any], wait: str | None, limit: float | None) -> dict[str, Any]:
    if wait is None:
        return call("POST", "/send", body, timeout=PATIENCE_S + (limit or 0))
    patience = None if limit is None else limit + SPARE_S
    if not sys.stderr.isatty():
        return call("POST", "/send", body, timeout=patience)
    from iapeer.cli.progress import progress  # late: only for eyes

    with progress(body["to"]):
        return call("POST", "/send", body, timeout=patience)


def read_body(text: tuple[str, ...], file: str | None) -> str:
    """The message: the words given, a file, or standard input."""
    if text and file is not None:
        raise Usage("Give the message as TEXT or with -f, not both.")
    if text:
        return os.fsencode(" ".join(text)).decode("utf-8", "replace")
    if file is None and (sys.stdin is None or sys.stdin.isatty()):
        raise Usage("There is no message: give TEXT, -f FILE, or pipe it in.")
    return _read(None if file in (None, "-") else file)


def _read(path: str | None) -> str:
    try:
        with open(0 if path is None else path, "rb", closefd=path is not None) as source:
            data = source.read(MAX_BYTES + 1)
    except OSError as error:
        raise Usage(f"{path or 'Standard input'} cannot be read: {error.strerror}.", code="no-file") from error
    if len(data) > MAX_BYTES:
        raise Refused(f"The message is larger than {MAX_BYTES >> 20} MiB: send a path instead.", code="limit")
    return data.decode("utf-8", "replace")


def exit_code(sent: dict[str, Any], wait: str | None = None) -> int:
    """The exit code for what became of a message."""
    outcome, state = sent.get("outcome"), sent.get("state")
    if outcome in ("stranded", "unknown"):
        return Undelivered.exit_code
    if outcome == "refused":
        return Refused.exit_code
    if wait is None or (wait == "delivered" and outcome == "delivered") or state == "done":
        return 0
    return Failed.exit_code if state in ("failed", "dead", "cancelled", "dropped", "expired") else TimedOut.exit_code


def tell(sent: dict[str, Any], wait: str | None) -> int:
    """Say what became of a message: on stdout when it is well, else as an error."""
    code = exit_code(sent, wait)
    line = sentence(sent, wait)
    if code == 0:
        print(visible(line))
    else:
        complain(line)
    return code


def sentence(sent: dict[str, Any], wait: str | None) -> str:
    """What became of a message, in words."""
    to = sent.get("to") or {}
    peer = str(to.get("personality"))
    whom = f"{to.get('runtime')}/{peer}"
    ident, reason, state = sent.get("id"), sent.get("reason"), sent.get("state")
    because = f": {reason}" if reason else ""
    outcome = sent.get("outcome")
    if outcome == "queued":
        why = f"; {sent['detail']}" if sent.get("detail") else ""
        return f"queued for {peer}{because}{_place(sent.get('depth'))} (id {ident}){why}"
    if outcome == "refused":
        return f"refused for {peer}{because}"
    if outcome != "delivered":
        return f"{outcome} at {whom}{because}: typed, and not proven to be read; see `iapeer message {ident}`"
    word = state if wait == "done" and state not in (None, "running") else "delivered"
    link = "by" if word == "done" else "to" if word == "delivered" else "at"
    end = f", and its turn has not ended ({state})" if wait == "done" and word == "delivered" else ""
    return f"{word} {link} {whom} in {took(float(sent.get('took_ms') or 0))}{end}{because} (id {ident})"


def _place(depth: object) -> str:
    return f", {ordinal(depth)} in line" if isinstance(depth, int) and depth > 0 else ""
