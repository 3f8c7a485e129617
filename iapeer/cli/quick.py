"""Run the plain `iapeer send` and `iapeer ask`, which agents call all day: without click, and without pathlib.

What `parse` does not understand goes to click (cli/commands/send.py, ask.py).
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
    """Parse the arguments of `send` or `ask`; None when they are not plain (help, a mistake, a rare option)."""
    valued = {**_VALUED, **_OF_SEND} if command == "send" else _VALUED
    parsed: dict[str, Any] = {**dict.fromkeys(valued.values()), "as_json": False, "attach": ()}
    words: list[str] = []
    rest = iter(args)
    for arg in rest:
        name, equals, value = arg.partition("=")
        if arg == "--":
            words.extend(rest)
        elif arg == "--json":
            parsed["as_json"] = True
        elif arg in valued:
            value_given = next(rest, None)
            if value_given is None or _is_option(value_given):
                return None
            _keep(parsed, valued[arg], value_given)
        elif equals and name.startswith("--") and name in valued:
            _keep(parsed, valued[name], value)
        elif _is_option(arg):
            return None
        else:
            words.append(arg)
    return {"peer": words[0], "text": tuple(words[1:]), **parsed} if words else None


def _is_option(arg: str) -> bool:
    return arg.startswith("-") and arg != "-" and not is_text(arg)


def _keep(parsed: dict[str, Any], name: str, value: str) -> None:
    parsed[name] = (*parsed[name], value) if name == "attach" else value


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
    message = _message(peer, text, file, attach, fields)
    sent = _post({**message, **_given({"wait": wait, "timeout_s": limit})})
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
    question = {**_message(peer, text, file, attach, fields), "asks": True}
    try:
        sent = _post({**question, "wait": "reply", **_given({"timeout_s": limit})})
    except TimedOut:
        sent = _standing(question)
    return _print_json(sent, "reply") if as_json else tell_reply(sent)


def _standing(question: dict[str, Any]) -> dict[str, Any]:
    """Ask where a question stands that was sent already: under the same key nothing is sent again."""
    sent = _post(question)
    return {**sent, "reply": persist("GET", f"/messages/{sent['id']}", timeout=PATIENCE_S).get("reply")}


def _message(
    peer: str, text: tuple[str, ...], file: str | None, attach: tuple[str, ...], fields: dict[str, Any]
) -> dict[str, Any]:
    """Make the message as the API takes it. It always has a key, so that it may be posted twice and is stored once."""
    message = {"to": peer, "body": read_body(text, file), **_given(fields)}
    message.setdefault("key", new_key())
    if attach:
        message["attachments"] = [absolute(path) for path in attach]
    return message


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def absolute(path: str) -> str:
    """Make a path absolute; links in it are left as they are, for the daemon to judge."""
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
    """Read the message: the words given, a file, or standard input."""
    if text and file is not None:
        raise Usage("Give the message as TEXT or with -f, not both.")
    if text:
        return os.fsencode(" ".join(text)).decode("utf-8", "replace")
    if file is None and (sys.stdin is None or sys.stdin.isatty()):
        raise Usage("There is no message: give TEXT, -f FILE, or pipe it in.")
    return read_text(None if file in (None, "-") else file)


def read_text(path: str | None, limit: int = MAX_BYTES) -> str:
    """Read the text of a file, or of standard input (None); replace what is not UTF-8. Refused above `limit` (bytes).

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
