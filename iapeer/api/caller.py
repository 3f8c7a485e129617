"""Who is speaking: whoever the token names. Without a token it is the operator, on the unix socket alone, unless
something says that the caller is an agent.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request

from iapeer.api.connections import Bounded
from iapeer.fleet.fleet import Fleet
from iapeer.mail.request import Caller
from iapeer.model.errors import Refused
from iapeer.model.names import split_identity
from iapeer.process.liveness import start_mark
from iapeer.sessions.behind import agent_behind
from iapeer.sessions.launchplan import token_hash

_LOCAL_PEERCRED, _LOCAL_PEERPID = 0x001, 0x002  # macOS, sys/un.h


TCP_CALLER = "iapeer.caller"  # in the scope of a request on TCP: whom its token showed at the door
PROCESS = "iapeer.process"  # in the scope of a request on the unix socket: the OtherEnd of its connection


class Unknown(Refused):
    """There is no token, or it is nobody's."""

    http_status = 401


class Claimed(Refused):
    """The caller says it is somebody, or something, that it cannot be."""

    http_status = 403


@dataclass
class OtherEnd:
    """The process that made a connection. `mark` tells it from a later one with its number; None: it was gone.

    `cleared`: no agent was found behind it; none gets behind a process later, so a connection is asked once.
    """

    pid: int
    uid: int
    mark: float | None
    cleared: bool = False


class PeerProtocol(Bounded):
    """HTTP on the unix socket that knows the process at the other end."""

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
        super().connection_made(transport)
        pid, uid = _credentials(transport.get_extra_info("socket"))
        self._process = OtherEnd(pid, uid, start_mark(pid))  # now: the connection may outlive it, its number be reused

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[PROCESS] = self._process  # type: ignore[literal-required]


def caller_of(request: Request, fleet: Fleet) -> Caller:
    """Find the caller of a request; Refused when it is nobody. On TCP the door has found it by its token."""
    if TCP_CALLER in request.scope:
        caller: Caller = request.scope[TCP_CALLER]
        return caller
    if PROCESS not in request.scope:  # came over no socket that we know
        raise Unknown("This caller shows no token.", code="no-token")
    token = bearer(request)
    return by_token(request, token, fleet) if token else _by_process(request, fleet)


def bearer(request: HTTPConnection) -> str:
    """Read the token of a request, empty without one. Any other authorization counts as a token that is nobody's."""
    shown = request.headers.get("authorization", "").strip()
    scheme, _, token = shown.partition(" ")
    return token.strip() if token and scheme.lower() == "bearer" else shown


def by_token(request: HTTPConnection, token: str, fleet: Fleet) -> Caller:
    """Find the session of a token; Refused when there is none, or when a header claims another identity."""
    session = fleet.context.store.sessions.by_token(token_hash(token))
    if session is None:
        raise Unknown("This token belongs to no live session: its session has ended.", code="bad-token")
    runtime, personality = split_identity(session.identity)
    profile = fleet.registry.get(personality).profile
    for claimed in claims(request) - {session.identity}:
        raise Claimed(f"This caller says it is {claimed} and shows {session.identity}'s token.", code="bad-token")
    return Caller(personality, runtime, profile.intelligence if profile else "artificial", session.id)


def claims(request: HTTPConnection) -> set[str]:
    """Read the identities that headers of this request claim."""
    return set(request.headers.getlist("x-peer-identity"))


def _by_process(request: Request, fleet: Fleet) -> Caller:
    """Take a caller without a token for the operator; Refused when something says that an agent is behind it."""
    if claims(request) - {""}:
        raise Unknown("This caller says it is a peer and shows no token: run it inside its session.", code="no-token")
    process: OtherEnd = request.scope[PROCESS]
    if process.uid != os.getuid():
        raise Claimed("This daemon belongs to another user.", code="other-user")
    _no_agent(process, fleet)
    return Caller()


def _no_agent(process: OtherEnd, fleet: Fleet) -> None:
    """Refuse a process that comes from an agent, or that has ended before it could be looked at."""
    if process.cleared:
        return
    try:
        agent = agent_behind(process.pid, process.mark, fleet.context.store)
    except ProcessLookupError:
        raise Unknown(
            "The process that asks cannot be looked at: it has ended, or is in another container. Wait for the answer "
            "in it, or show a token on the loopback port.", code="no-token",
        ) from None  # fmt: skip
    if agent is not None:
        raise Unknown(
            f"This process runs inside {agent} and shows no token: keep IAPEER_TOKEN in its environment; the operator "
            "uses a terminal of their own.", code="no-token",
        )  # fmt: skip
    process.cleared = True


def _credentials(sock: socket.socket) -> tuple[int, int]:
    """Ask the kernel for (pid, uid) of the process at the other end of a unix socket."""
    if sys.platform == "linux":
        pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        return pid, uid
    else:  # noqa: RET505 - mypy tells the platforms apart by it
        pid = struct.unpack("i", sock.getsockopt(0, _LOCAL_PEERPID, 4))[0]
        _, uid = struct.unpack("II", sock.getsockopt(0, _LOCAL_PEERCRED, 8))
        return pid, uid
