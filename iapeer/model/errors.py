"""Everything iapeer says no with. One sentence: what is wrong, and what to do.

PeerError
├── Failed         exit 1   it was tried and did not work
├── Usage          exit 2   the call itself is malformed
├── Refused        exit 3   understood, and not done: unknown name, limit, identity, state
├── TimedOut       exit 4   the thing waited for did not happen in time
├── Unreachable    exit 5   the daemon can be neither reached nor started
└── Undelivered    exit 6   stranded or unknown: typed, and not proven
"""

from __future__ import annotations


class PeerError(Exception):
    """Base of all errors meant for people. `code` is a stable word for programs."""

    exit_code = 1
    code = "failed"
    http_status = 500

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class Failed(PeerError):
    """It was tried and did not work."""


class Usage(PeerError):
    """The call itself is malformed."""

    exit_code = 2
    code = "usage"
    http_status = 400


class Refused(PeerError):
    """Understood, and not done."""

    exit_code = 3
    code = "refused"
    http_status = 409


class TimedOut(PeerError):
    """What was waited for did not happen in time."""

    exit_code = 4
    code = "timeout"
    http_status = 504


class Unreachable(PeerError):
    """The daemon can be neither reached nor started."""

    exit_code = 5
    code = "unreachable"
    http_status = 503


class Undelivered(PeerError):
    """Typed into the session, and not proven to have become a turn."""

    exit_code = 6
    code = "undelivered"
    http_status = 502


BY_EXIT_CODE: dict[int, type[PeerError]] = {
    kind.exit_code: kind for kind in (Failed, Usage, Refused, TimedOut, Unreachable, Undelivered)
}
