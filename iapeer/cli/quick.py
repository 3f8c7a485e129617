"""`iapeer send` and `iapeer ask`: the path agents take all day, so without click. What `parse` does not understand
goes to click.

Without pathlib too: see sockpath.py.
"""

from __future__ import annotations

import os
import sys

from iapeer.cli.dashed import is_text
from iapeer.cli.outcome import exit_code, tell, tell_reply
from iapeer.client.call import PATIENCE_S, SPARE_S, is_inside_session, new_key, persist
from iapeer.files.regular import text_of
from iapeer.model.errors import Refused, TimedOut, Usage
from iapeer.paths.sockets import absolute as from_root
from iapeer.wording.text import visible
from iapeer.wording.times import seconds

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from typing import Any, BinaryIO

MAX_BYTES = 4 << 20  # what is read at most; the daemon has a much lower limit, and names it
WAITS = ("delivered", "done", "reply")
_VALUED = {
    "-f": "file",
    "--file": "file",
    "-r": "runtime",
    "--runtime": "runtime",
    "--topic": "topic",
    "--re": "re",
    "--attach": "attach",
    "--timeout": "timeout",
}
_OF_SEND = {"--wait": "wait", "--key": "key"}


def parse(command: str, args: list[str]) -> dict[str, Any] | None:
    """The arguments of `send` or `ask`, or None when they are not plain (help, a mistake, a rare option)."""
    valued = {**_VALUED, **_OF_SEND} if command == "send" else _VALUED
    found: dict[str, Any] = {**dict.fromkeys(valued.values()), "as_json": False, "attach": ()}
    words: list[str] = []
    rest = iter(args)
    for arg in rest:
        name, equals, value = arg.partition("=")
        if arg == "--":
            words.extend(rest)
        elif arg == "--json":
            found["as_json"] = True
        elif arg in valued:
            taken = next(rest, None)
            if taken is None or _is_option(taken):
                return None
            _keep(found, valued[arg], taken)
        elif equals and name.startswith("--") and name in valued:
            _keep(found, valued[name], value)
        elif _is_option(arg):
            return None
        else:
            words.append(arg)
    return {"peer": words[0], "text": tuple(words[1:]), **found} if words else None


def _is_option(arg: str) -> bool:
    return arg.startswith("-") and arg != "-" and not is_text(arg)


def _keep(found: dict[str, Any], name: str, value: str) -> None:
    found[name] = (*found[name], value) if name == "attach" else value


def send(
    peer: str,
    text: tuple[str, ...],
    file: str | None,
    attach: tuple[str, ...],
    wait: str | None,
    timeout: str | None,
    as_json: bool,
    **fields: Any,
) -> int:
    """Send one message, say what became of it, and return the exit code. `fields` are the API's, by its names."""
    if wait is not None and wait not in WAITS:
        raise Usage(f"'{visible(wait)}' cannot be waited for: use --wait delivered, done or reply.", code="bad-wait")
    limit = None if timeout is None else seconds(timeout)
    letter = _letter(peer, text, file, attach, fields)
    sent = _post({**letter, **_given({"wait": wait, "timeout_s": limit})})
    return _print_json(sent, wait) if as_json else tell(sent, wait)


def ask(
    peer: str,
    text: tuple[str, ...],
    file: str | None,
    attach: tuple[str, ...],
    timeout: str | None,
    as_json: bool,
    **fields: Any,
) -> int:
    """Send one question, wait for the answer, print it alone, and return the exit code."""
    limit = None if timeout is None else seconds(timeout)
    question = {**_letter(peer, text, file, attach, fields), "asks": True}
    try:
        sent = _post({**question, "wait": "reply", **_given({"timeout_s": limit})})
    except TimedOut:
        sent = _standing(question)
    return _print_json(sent, "reply") if as_json else tell_reply(sent)


def _standing(question: dict[str, Any]) -> dict[str, Any]:
    """Where a question stands that was sent already: under the same key nothing is sent again."""
    sent = _post(question)
    return {**sent, "reply": persist("GET", f"/messages/{sent['id']}", timeout=PATIENCE_S).get("reply")}


def _letter(
    peer: str, text: tuple[str, ...], file: str | None, attach: tuple[str, ...], fields: dict[str, Any]
) -> dict[str, Any]:
    """The message as the API takes it. It always has a key, so that it may be posted twice and is stored once."""
    letter = {"to": peer, "body": read_body(text, file), **_given(fields)}
    letter.setdefault("key", new_key())
    if attach:
        letter["attachments"] = [absolute(path) for path in attach]
    return letter


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def absolute(path: str) -> str:
    """The path from the root; links in it are left as they are, for the daemon to judge."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise Usage(f"The path '{visible(path)}' is not UTF-8: rename it first.", code="no-file") from None
    return from_root(path)


def _post(body: dict[str, Any]) -> dict[str, Any]:
    wait, limit = body.get("wait"), body.get("timeout_s")
    if wait is None:
        return persist("POST", "/send", body, timeout=PATIENCE_S + (limit or 0))
    patience = None if limit is None else limit + SPARE_S
    if not sys.stderr.isatty():
        return persist("POST", "/send", body, timeout=patience)
    from iapeer.cli.progress import progress  # late: only for eyes

    with progress(body["to"]):
        return persist("POST", "/send", body, timeout=patience)


def _print_json(sent: dict[str, Any], wait: str | None) -> int:
    import json

    print(json.dumps(sent), flush=True)
    return exit_code(sent, wait)


def read_body(text: tuple[str, ...], file: str | None) -> str:
    """The message: the words given, a file, or standard input."""
    if text and file is not None:
        raise Usage("Give the message as TEXT or with -f, not both.")
    if text:
        return os.fsencode(" ".join(text)).decode("utf-8", "replace")
    if file is None and (sys.stdin is None or sys.stdin.isatty()):
        raise Usage("There is no message: give TEXT, -f FILE, or pipe it in.")
    return read_text(None if file in (None, "-") else file)


def read_text(path: str | None, limit: int = MAX_BYTES) -> str:
    """The text of a file, or of standard input; what is not UTF-8 is replaced. Refused above `limit` (bytes).

    Inside a session a file is read only from where its agent may send files. A pipe is a file here: shells make one of
    `-f <(command)`.
    """
    if path is None and sys.stdin is None:
        raise Usage("Standard input is closed: give the text as words or with -f FILE.", code="no-file")
    try:
        with _opened(path) as source:
            data = source.read(limit + 1)
    except OSError as error:
        raise Usage(f"{path or 'Standard input'} cannot be read: {error.strerror}.", code="no-file") from error
    if len(data) > limit:
        raise Refused(f"The message is larger than {limit >> 20} MiB: send a path instead.", code="limit")
    return text_of(data, "replace")


def _opened(path: str | None) -> BinaryIO:
    if path is None or not is_inside_session():
        return open(0 if path is None else path, "rb", closefd=path is not None)
    from iapeer.cli.sessionfiles import open_own  # late: agents mostly pipe their text in

    return open_own(absolute(path))
