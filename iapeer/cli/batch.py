"""Send a batch (`iapeer send --batch`): many messages in one request, all or none, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from iapeer.cli.outcome import exit_code, tell
from iapeer.cli.quick import absolute, read_text
from iapeer.client.call import PATIENCE_S, new_key, persist
from iapeer.model.errors import Usage
from iapeer.model.names import nearest
from iapeer.terminal.output import emit

MAX_BYTES = 64 << 20  # what is read at most; the daemon has its own limits, and names them
NEEDED = ("to", "body")
FIELDS = (*NEEDED, "runtime", "topic", "re", "attachments", "key", "urgent", "at_ms", "expires_ms", "asks")


def send_batch(file: str, as_json: bool) -> int:
    """Send the messages of a file (`-` is standard input), and say what became of each; the worst exit code."""
    name = "standard input" if file == "-" else file
    messages = list(read(name, read_text(None if file == "-" else file, MAX_BYTES)))
    if not messages:
        raise Usage(f"There is no message in {name}.")
    codes = []
    for sent in persist("POST", "/send/batch", {"messages": messages}, timeout=PATIENCE_S)["sent"]:
        if as_json:
            emit(sent)
        codes.append(exit_code(sent) if as_json else tell(sent, None))
    return max(codes, default=0)


def read(name: str, text: str) -> Iterator[dict[str, Any]]:
    """Read the messages of a batch, each with a key and with absolute paths. Usage names the line that does not fit."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        message = _object(where, line)
        _check(where, message)
        paths = message.get("attachments")
        if isinstance(paths, list):  # what else it may be, the daemon refuses
            message["attachments"] = [absolute(path) if isinstance(path, str) else path for path in paths]
        yield {**message, "key": message.get("key") or new_key()}


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as error:
        why = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise Usage(f"{where}: not valid JSON ({why}).", code="bad-batch") from error
    except RecursionError as error:
        raise Usage(f"{where}: nested too deeply.", code="bad-batch") from error
    if not isinstance(message, dict):
        raise Usage(f'{where}: one JSON object is wanted: {{"to": PEER, "body": TEXT}}.', code="bad-batch")
    return message


def _check(where: str, message: dict[str, Any]) -> None:
    for field in message:
        if field not in FIELDS:
            close = nearest(field, FIELDS)
            hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(FIELDS)}."
            raise Usage(f"{where}: there is no field '{field}': {hint}", code="bad-batch")
    for field in NEEDED:
        if field not in message:
            raise Usage(f"{where}: the field '{field}' is missing.", code="bad-batch")
