"""Errors as they are answered: their shape, and what each HTTP status means here.

A status is for programs that know HTTP and nothing else; whoever knows iapeer reads the error's code, and the command
line its exit code.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from iapeer.api.fields import closed, means
from iapeer.model.errors import BY_EXIT_CODE, PeerError


@closed
class Problem(TypedDict):
    """What is wrong."""

    code: Annotated[str, means("a stable word for programs")]
    message: Annotated[str, means("one sentence for people: what is wrong, and what to do")]
    exit: Annotated[int, Field(description="the exit code of the command that asked", ge=1, le=6)]


@closed
class Error(TypedDict):
    """The answer of everything that was not done."""

    error: Problem


MEANINGS: dict[int, str] = {
    400: "The request is malformed, or asks for what can never be had.",
    401: "A token is missing, or belongs to no live session.",
    403: "Who asks may not have this.",
    404: "What is named does not exist.",
    405: "There is such a path, and not for this method: `Allow` names the ones there are.",
    408: "The rest of the request did not come.",
    409: "Refused, for things are not as they have to be: nothing was done.",
    413: "The request, or a file that it names, is larger than allowed.",
    429: "The session has too many requests at work.",
    500: "The daemon failed.",
    502: "An agent's session, or the terminal it lives in, failed.",
    503: "The daemon ends, is full, or its database cannot be used.",
    504: "What was waited for did not happen in time; it may still.",
}
# Codes that do not say it with the class they are raised as: a Refused is 409, a Failed 500.
_CODES = {
    400: (
        "attachment bad-field bad-key bad-name bad-permissions bad-policy bad-re bad-request bad-topic empty "
        "fixed-field in-the-past limit not-built reserved-name self-send too-long too-many unknown-field"
    ),
    401: "bad-token no-token",
    403: "attachment-place operator-only other-user",
    404: "no-route unknown-message unknown-peer unknown-runtime unknown-session",
    405: "method no-method",
    408: "too-slow",
    409: (
        "bad-adapter bad-launch-env bad-profile changed no-auto no-binary no-bypass no-folder no-profile unconfirmed "
        "unwritable"
    ),
    413: "too-large",
    429: "too-many-requests",
    502: "blocked ended launch-failed not-compacted tmux tmux-gone tmux-timeout unreachable-session",
    503: "no-room not-begun stopping store",
}
STATUS_OF_CODE = {code: status for status, codes in _CODES.items() for code in codes.split()}


def status_of(error: PeerError) -> int:
    """The status of an error: that of its own class if it has one, else of its code, else of its kind."""
    kind = BY_EXIT_CODE[error.exit_code]
    if error.http_status != kind.http_status:
        return error.http_status
    return STATUS_OF_CODE.get(error.code, error.http_status)
