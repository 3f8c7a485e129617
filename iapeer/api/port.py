"""The loopback port of a root: chosen once, recorded and reused, for live agents keep the address they were given.

Another program may have it at a restart. Then any free port serves, until a restart finds the recorded one free again.
A session that was launched while another port or another certificate served is deaf: its MCP tool reaches nobody, and
its token is void on the port. `iapeer send` works in it all the same.
"""

from __future__ import annotations

import contextlib
import socket

import psutil

from iapeer.api.certificate import Certificate
from iapeer.api.otherend import Untold, in_words, owner_of
from iapeer.model.errors import Failed
from iapeer.model.names import split_identity
from iapeer.store import Store
from iapeer.wording import problems

RECORDED = "tcp_port"
_HOST = "127.0.0.1"
Taken = dict[str, int | None]


class Port:
    """The port that serves now, its certificate, and the sessions that call another one."""

    def __init__(self, store: Store, certificate: Certificate, listener: socket.socket) -> None:
        self._store = store
        self.certificate = certificate
        self.listener = listener
        self.number = int(listener.getsockname()[1])
        self.recorded = int(store.settings.get(RECORDED) or self.number)
        self._deaf = {session.id for session in store.sessions.all_open() if session.port != self.mark}
        deaf = ", ".join(self.deaf()) or "none"
        if not self.is_recorded:
            taken = self.taken()
            who = in_words(taken["uid"], taken["pid"])
            store.events.append("port_taken", recorded=self.recorded, port=self.number, deaf=deaf, holder=who)
        elif self._deaf:
            store.events.append("port_back", port=self.number, deaf=deaf)

    @property
    def mark(self) -> str:
        """A word for this port with this certificate, which is recorded of every session at its launch."""
        return f"{self.number} {self.certificate.fingerprint}"

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{_HOST}:{self.number}"

    def url(self, path: str) -> str:
        """Write the address of a path, for agents."""
        return f"https://{self.address}{path}"

    def is_deaf(self, session: str) -> bool:
        """Whether the session was launched to call another port, or to trust another certificate."""
        return session in self._deaf

    def deaf(self) -> list[str]:
        """List the identities whose live session is deaf."""
        live = self._store.sessions.all_open() if self._deaf else []
        return [session.identity for session in live if session.id in self._deaf]

    @property
    def is_recorded(self) -> bool:
        """Whether the port that live agents were told of serves."""
        return self.number == self.recorded

    def taken(self) -> Taken:
        """Ask the system who has the recorded port: `port`, `uid` and `pid`, each None where it does not tell."""
        uid = None
        with contextlib.suppress(Untold):
            owner = owner_of((_HOST, self.recorded))
            uid = owner.uid if owner is not None else None
        return {"port": self.recorded, "uid": uid, "pid": _listening(self.recorded)}

    def problems(self, taken: Taken | None) -> list[str]:
        """Say what is wrong with the port, a sentence each. `taken`: who has the recorded one."""
        lines = []
        if taken is not None:
            who = in_words(taken["uid"], taken["pid"])
            lines.append(problems.port_taken(self.recorded, who, self.number))
        return lines + [problems.deaf(identity, split_identity(identity)[1]) for identity in self.deaf()]


def _listening(number: int) -> int | None:
    """Find the process that listens at a port; None where we may not see it."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == number:
                return connection.pid
    return None


def open_port(store: Store, certificate: Certificate, wanted: int) -> Port:
    """Listen at the recorded port, else the wanted one, else any. The first one ever is recorded."""
    recorded = store.settings.get(RECORDED)
    for number in (int(recorded) if recorded else wanted, 0):
        # Named as TCP, for asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, number))
        except OSError:
            listener.close()
            continue
        if recorded is None:
            store.settings.put(RECORDED, str(listener.getsockname()[1]))
        return Port(store, certificate, listener)
    raise Failed("No loopback port is free: agents would have nowhere to call.", code="no-port")
