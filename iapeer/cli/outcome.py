"""Tell what became of a message, and turn it into an exit code. Imports are few: `send` pays."""

from __future__ import annotations

from iapeer.model.errors import Failed, Refused, TimedOut, Undelivered
from iapeer.terminal.streams import complain
from iapeer.wording.text import visible, visible_lines
from iapeer.wording.verdicts import ENDED_BADLY, sentence

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from typing import Any


def exit_code(sent: dict[str, Any], wait: str | None = None) -> int:
    """Turn what became of a message into an exit code. `wait` is what was waited for: delivered, done, reply, None."""
    outcome, state = sent.get("outcome"), sent.get("state")
    if wait == "reply" and sent.get("reply"):
        return 0
    if outcome in ("stranded", "unknown"):
        return Undelivered.exit_code
    if outcome == "refused":
        return Refused.exit_code
    if wait is None or (wait == "delivered" and outcome == "delivered"):
        return 0
    if state == "done":
        return Failed.exit_code if wait == "reply" else 0
    return Failed.exit_code if state in ENDED_BADLY else TimedOut.exit_code


def tell(sent: dict[str, Any], wait: str | None) -> int:
    """Say what became of a message, on stdout when it is well, else on stderr; the exit code."""
    code = exit_code(sent, wait)
    line = sentence(sent, wait)
    if code != 0:
        complain(line)
        return code
    print(visible(line))
    if wait == "reply":
        print()
        print_reply(sent["reply"])
    return code


def tell_reply(sent: dict[str, Any]) -> int:
    """Print the reply's text and nothing else on stdout, or say why there is none; the exit code."""
    code = exit_code(sent, "reply")
    if code == 0:
        print_reply(sent["reply"])
    else:
        complain(sentence(sent, "reply"))
    return code


def print_reply(reply: dict[str, Any]) -> None:
    """Print a reply's text on stdout, and the paths of what is attached to it on stderr."""
    text = visible_lines(reply["body"])
    print(text, end="" if text.endswith("\n") else "\n", flush=True)
    for path in reply.get("attachments") or []:
        complain(f"attached: {path}")
