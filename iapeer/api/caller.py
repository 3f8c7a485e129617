"""Who is speaking: whom the token names; without one the operator, if nothing says that it is an agent."""

from __future__ import annotations

import os
import socket
import struct
import sys

from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from iapeer.daemon.fleet import Fleet
from iapeer.daemon.letter import Caller
from iapeer.model.errors import Refused
from iapeer.model.names import split_identity
from iapeer.sessions.launchplan import token_hash
from iapeer.sessions.process import ancestors

_LOCAL_PEERCRED, _LOCAL_PEERPID = 0x001, 0x002  # macOS, sys/un.h


class PeerProtocol(HttpToolsProtocol):
    """HTTP on the unix socket that knows the process at the other end: `request.client` is (pid, uid)."""

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
        super().connection_made(transport)
        pid, uid = _credentials(transport.get_extra_info("socket"))
        self.client = (str(pid), uid)


def caller_of(request: Request, fleet: Fleet) -> Caller:
    """The caller, or Refused. TCP callers always need a token."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    claimed = request.headers.get("x-peer-identity")
    if token:
        caller = _by_token(token, fleet)
        if claimed not in (None, caller.identity):
            raise Refused(f"This caller says it is {claimed} and shows {caller.identity}'s token.", code="bad-token")
        return caller
    if claimed:
        raise Refused("This caller says it is a peer and shows no token: run it inside its session.", code="no-token")
    pid, uid = request.client or ("0", -1)
    if uid != os.getuid():
        raise Refused("This daemon belongs to another user.", code="other-user")
    _no_agent(int(pid), fleet)
    return Caller()


def _by_token(token: str, fleet: Fleet) -> Caller:
    session = fleet.site.store.session_of_token(token_hash(token))
    if session is None:
        raise Refused("This token belongs to no live session: its session has ended.", code="bad-token")
    runtime, personality = split_identity(session.identity)
    profile = fleet.registry.get(personality).profile
    return Caller(personality, runtime, profile.intelligence if profile else "artificial", session.id)


def _no_agent(pid: int, fleet: Fleet) -> None:
    """Who descends from an agent's process is that agent, not the operator."""
    agents = {actor.at.running.pid: actor.at.identity for actor in fleet.actors() if actor.at.running is not None}
    for up in ancestors(pid) if agents else ():
        if up in agents:
            raise Refused(
                f"This process runs inside {agents[up]} and shows no token: keep IAPEER_TOKEN in its environment.",
                code="no-token",
            )


def _credentials(sock: socket.socket) -> tuple[int, int]:
    """(pid, uid) of the process at the other end of a unix socket, as the kernel knows it."""
    if sys.platform == "linux":
        pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        return pid, uid
    else:  # noqa: RET505 - mypy tells the platforms apart by it
        pid = struct.unpack("i", sock.getsockopt(0, _LOCAL_PEERPID, 4))[0]
        _, uid = struct.unpack("II", sock.getsockopt(0, _LOCAL_PEERCRED, 8))
        return pid, uid
