"""Bounds on connections: callers without a token have little time and little room, and no caller can take
the descriptors that the daemon itself lives on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from iapeer import __version__
from iapeer.api.shares import MOST, Shares
from iapeer.model.errors import PeerError, Unreachable

HEAD_S = 5.0  # on TCP, from the connection to a whole head
PATIENT_S = 30.0  # the same on the unix socket, where nobody is a stranger
_AT_ONCE = 4  # accepted between two rounds of the loop: what they say is read before many more are let in
_ACCEPTED: dict[int, Accepted] = {}  # by descriptor
ADMIT = "iapeer.admit"  # in the scope of a request: called with its caller's session once that is known
_NO_ROOM = Unreachable(
    "The daemon has no room for one more connection: end commands that wait, or try again later.", code="no-room"
)


class Gate:
    """How many connections one listener may have, and who goes when there are too many.

    `strangers`: how many of them may be of callers that have not shown a token; None: nobody is a stranger.
    `head_s`: how long a whole head may take to come. `shares`: what each session may have, here and elsewhere.
    """

    def __init__(self, most: int, strangers: int | None, head_s: float, shares: Shares) -> None:
        self._most = most
        self._strangers = strangers
        self.head_s = head_s
        self.shares = shares
        self._open: dict[Accepted, None] = {}  # oldest first
        self.refused = 0  # closed at once: there was no room
        self.dropped = 0  # closed for others: silent for too long, or the oldest when there were too many

    def __len__(self) -> int:
        return len(self._open)

    @property
    def strangers(self) -> int:
        """Count the connections that have shown no token."""
        return sum(not connection.known for connection in self._open)

    def enter(self, connection: Accepted) -> bool:
        """Let a connection in, if need be in place of one that can be spared; False: there is no room."""
        connection.known = self._strangers is None
        if self._strangers is not None and self.strangers >= self._strangers:
            self.spare(strangers=True)
        if len(self._open) >= self._most and not self.spare():
            self.refused += 1
            return False
        self._open[connection] = None
        return True

    def leave(self, connection: Accepted) -> None:
        """Forget a connection that is closed."""
        self._open.pop(connection, None)

    def spare(self, *, strangers: bool = False) -> bool:
        """Hang up on the oldest that says nothing, a stranger first; False: all have requests that are worked on."""
        silent = (connection for connection in self._open if not connection.known and not connection.busy)
        idle = (connection for connection in self._open if not (strangers or connection.busy))
        for connection in (*silent, *idle):
            connection.hang_up()
            return True
        return False


def gates(files: int) -> dict[str, Gate]:
    """Make the gates of a daemon that may have so many files open; most of those are for its own work."""
    unix = min(512, files // 4)
    shares = Shares(max(1, min(MOST, unix // 4)))
    return {
        "unix": Gate(unix, None, PATIENT_S, shares),
        "tcp": Gate(min(1024, files // 4), min(128, files // 8), HEAD_S, shares),
    }


class Accepted(socket.socket):
    """One connection, which its gate knows of until it is closed."""

    def __init__(self, gate: Gate, listener: socket.socket, descriptor: int) -> None:
        super().__init__(listener.family, listener.type, listener.proto, fileno=descriptor)
        self._gate = gate
        self.known = False
        self.busy = False
        self._session: str | None = None  # whose share the request that is worked on has a part of
        self._clock: asyncio.TimerHandle | None = None

    def enter(self) -> bool:
        """Enter the gate and start the time for a whole head; False when there is no room."""
        if not self._gate.enter(self):
            return False
        _ACCEPTED[self.fileno()] = self
        self._clock = asyncio.get_running_loop().call_later(self._gate.head_s, self.hang_up)
        return True

    def head_came(self) -> None:
        """Note that a whole head came: a request is worked on."""
        self.busy = True
        self._stop_clock()

    def admit(self, session: str | None) -> None:
        """Note that the caller is known, and count its session's request (None: no limit); TooMany at the limit."""
        self.known = True
        if session is not None and self._session is None:
            self._gate.shares.take(session)
            self._session = session

    def answered(self, *, more: bool) -> None:
        """Note that the request is answered; `more`: others wait behind it."""
        self.busy = more
        self._give_back()

    def turn_away(self) -> None:
        """It may not come in after all."""
        self._gate.refused += 1
        self._gate.leave(self)
        self._stop_clock()

    def hang_up(self) -> None:
        """Shut the connection down: whoever serves it reads its end, and closes it."""
        self._gate.dropped += 1
        self._gate.leave(self)
        self._stop_clock()
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if _ACCEPTED.get(self.fileno()) is self:
            del _ACCEPTED[self.fileno()]
        self._gate.leave(self)
        self._stop_clock()
        self._give_back()
        super().close()

    def _give_back(self) -> None:
        if self._session is not None:
            self._gate.shares.give_back(self._session)
            self._session = None

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


class Listening(socket.socket):
    """A listening socket whose connections go through a gate, also when no descriptor is left for them."""

    def __init__(self, listener: socket.socket, gate: Gate) -> None:
        super().__init__(fileno=listener.detach())
        self._gate = gate
        self._spare: int | None = os.open(os.devnull, os.O_RDONLY)
        self._round = 0  # how many were accepted since the loop last went on

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept the next connection; BlockingIOError when there is none, or it has to wait for the next round."""
        if self._round >= _AT_ONCE:
            raise BlockingIOError
        if not self._round:
            asyncio.get_running_loop().call_soon(self._next_round)
        self._round += 1
        try:
            descriptor, address = self._accept()  # type: ignore[attr-defined]  # of the C type
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._round = _AT_ONCE
            self._starve(error)
            raise BlockingIOError from None
        return self._let_in(descriptor), address

    def close(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        super().close()

    def _let_in(self, descriptor: int) -> Accepted:
        connection = Accepted(self._gate, self, descriptor)
        if not connection.enter():
            self._say_no_room(descriptor)
            connection.close()
            raise BlockingIOError
        return connection

    def _say_no_room(self, descriptor: int) -> None:
        """Answer a request that is not read; on TCP nothing can be said before TLS."""
        if self.family == socket.AF_UNIX:
            with contextlib.suppress(OSError):
                os.write(descriptor, _unread(_NO_ROOM))

    def _next_round(self) -> None:
        self._round = 0

    def _starve(self, error: OSError) -> None:
        """No descriptor is left: turn one away by means of the spare one, and hang up on a stranger. Without a spare
        one: raise `error`, after which the loop leaves the socket alone for a second.
        """
        if self._spare is None:
            with contextlib.suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY)
            raise error
        os.close(self._spare)
        self._spare = None
        with contextlib.suppress(OSError):
            descriptor, _ = self._accept()  # type: ignore[attr-defined]
            self._say_no_room(descriptor)
            os.close(descriptor)
            self._gate.refused += 1
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)
        self._gate.spare(strangers=True)


def _unread(error: PeerError) -> bytes:
    """Write the answer to a request that is not read."""
    body = json.dumps({"error": {"code": error.code, "message": str(error), "exit": error.exit_code}})
    lines = (
        f"HTTP/1.1 {error.http_status} Unavailable", f"iapeer-version: {__version__}", "Connection: close",
        "Content-Type: application/json", f"Content-Length: {len(body)}", "", body,
    )  # fmt: skip
    return "\r\n".join(lines).encode()


def accepted(transport: asyncio.BaseTransport) -> Accepted | None:
    """Find the connection of a transport; None for one that came through no gate."""
    return _ACCEPTED.get(transport.get_extra_info("socket").fileno())


class Bounded(HttpToolsProtocol):
    """HTTP that tells its gate how far a connection is. A caller without a token is answered once, and hung up on."""

    _accepted: Accepted | None = None
    _keep_alive = False  # what the caller wants

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
        super().connection_made(transport)
        self._accepted = accepted(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[ADMIT] = self._admit  # type: ignore[literal-required]

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._accepted is not None:
            self._accepted.head_came()
            self._keep_alive = self.cycle.keep_alive
            self.cycle.keep_alive = self._keep_alive and self._accepted.known

    def on_response_complete(self) -> None:
        if self._accepted is not None:
            self._accepted.answered(more=bool(self.pipeline))
        super().on_response_complete()

    def _admit(self, session: str | None) -> None:
        if self._accepted is not None:
            self._accepted.admit(session)
            self.cycle.keep_alive = self._keep_alive
