"""TLS on the loopback port, and whose each connection is, before it is let in.

A handshake has a time limit, and another user has only so many at once: who never finishes one takes nobody's place.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from asyncio.sslproto import SSLProtocol
from collections import Counter
from typing import Any

from iapeer.api.connections import accepted
from iapeer.api.otherend import Untold, owner_of
from iapeer.api.tcp import TcpProtocol

HANDSHAKE_S, GOODBYE_S = 10, 2  # the seconds that each may take
HANDSHAKES = 64  # of another user's, at once
NOBODY = -1  # has left already


class _Layer(SSLProtocol):
    """TLS with small buffers: a connection that is kept, as every agent's is, costs 270 KB with asyncio's own."""

    max_size = 16 * 1024  # bytes: one record


class Tls:
    """Makes the protocol of each connection: TLS, then HTTP as uvicorn is told to speak it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.handshakes: Counter[int | None] = Counter()  # by user; None where the system does not tell

    def __call__(self, _loop: object = None, **uvicorns: Any) -> asyncio.Protocol:
        return _Unencrypted(self, TcpProtocol(**uvicorns))


class _Unencrypted(asyncio.Protocol):
    """A connection until TLS takes it over."""

    def __init__(self, tls: Tls, http: TcpProtocol) -> None:
        self._tls = tls
        self._http = http

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._http.uid = user_of(transport)
        if self._http.uid == NOBODY or self._is_one_too_many(self._http.uid):
            if (connection := accepted(transport)) is not None:
                connection.turn_away()
            transport.abort()
            return
        inside = _Counted(self._tls.handshakes, self._http.uid)
        layer = _Layer(
            asyncio.get_running_loop(), self._http, self._tls.context, inside, server_side=True,
            ssl_handshake_timeout=HANDSHAKE_S, ssl_shutdown_timeout=GOODBYE_S,
        )  # fmt: skip
        transport.set_protocol(layer)
        layer.connection_made(transport)

    def _is_one_too_many(self, uid: int | None) -> bool:
        """Of our own user's, and where nobody is told apart, the oldest stranger goes instead (`connections`)."""
        return uid not in (None, os.getuid()) and self._tls.handshakes[uid] >= HANDSHAKES


class _Counted(asyncio.Future[None]):
    """Resolved when its handshake is over, well or not; counts until then."""

    def __init__(self, handshakes: Counter[int | None], uid: int | None) -> None:
        super().__init__()
        handshakes[uid] += 1
        self.add_done_callback(lambda _: self._over(handshakes, uid))

    def _over(self, handshakes: Counter[int | None], uid: int | None) -> None:
        handshakes[uid] -= 1
        self.cancelled() or self.exception()  # a failed handshake is its client's trouble: nothing to log


def user_of(transport: asyncio.BaseTransport) -> int | None:
    """The user at the other end; NOBODY when no process has it any more, None where the system does not tell."""
    connection = transport.get_extra_info("socket")
    try:
        owner = owner_of(connection.getpeername()[:2], connection.getsockname()[:2])
    except Untold:
        return None
    except OSError:  # reset meanwhile
        return NOBODY
    return owner.uid if owner is not None and owner.inode else NOBODY
