"""The loopback port of a root: chosen once, recorded and reused, for live agents keep the address they were given.

Another program may have it at a restart. Then any free port serves, until a restart finds the recorded one free again.
A session that was launched while another port served is deaf: its MCP tool reaches nobody. `iapeer send`
works in it all the same.
"""

from __future__ import annotations

import json
import socket

from iapeer.model.errors import Failed
from iapeer.store import Store

RECORDED = "tcp_port"
_SERVED = "tcp_ports"  # [[since when in ms, port], ...]: each change of the port that served
_CHANGES = 100


class Port:
    """The port that serves now, and who calls another one."""

    def __init__(self, store: Store, listener: socket.socket, now_ms: int) -> None:
        self._store = store
        self.listener = listener
        self.number = int(listener.getsockname()[1])
        self.recorded = int(store.get_setting(RECORDED) or self.number)
        served = _served(store, self.recorded, self.number, now_ms)
        self._deaf = {one.id for one in store.open_sessions() if _at(served, one.started_ms) != self.number}
        deaf = ", ".join(self.deaf()) or "none"
        if self.number != self.recorded:
            store.event("port_taken", recorded=self.recorded, port=self.number, deaf=deaf)
        elif self._deaf:
            store.event("port_back", port=self.number, deaf=deaf)

    def url(self, path: str) -> str:
        """The address of a path, for agents."""
        return f"http://127.0.0.1:{self.number}{path}"

    def deaf(self) -> list[str]:
        """The identities whose live session calls another port."""
        return [one.identity for one in self._store.open_sessions() if one.id in self._deaf] if self._deaf else []

    def problems(self) -> list[str]:
        """What is wrong with the port, in sentences."""
        found = []
        if self.number != self.recorded:
            found.append(
                f"Port {self.recorded} is taken by another program: {self.number} serves until the daemon is restarted "
                "with that port free."
            )
        return found + [
            f"{who} was launched when another port served, so that its send_to_peer reaches nobody: `iapeer send` "
            f"works in it; `iapeer new {who.partition('-')[2]}` gives it the tool back."
            for who in self.deaf()
        ]


def open_port(store: Store, wanted: int, now_ms: int) -> Port:
    """The recorded port, else the wanted one, else any. The first one ever is recorded."""
    recorded = store.get_setting(RECORDED)
    for number in (int(recorded) if recorded else wanted, 0):
        # Named as TCP, for asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
        except OSError:
            listener.close()
            continue
        if recorded is None:
            store.put_setting(RECORDED, str(listener.getsockname()[1]))
        return Port(store, listener, now_ms)
    raise Failed("No loopback port is free: agents would have nowhere to call.", code="no-port")


def _served(store: Store, recorded: int, number: int, now_ms: int) -> list[list[int]]:
    """Which port served since when, this one included."""
    served: list[list[int]] = json.loads(store.get_setting(_SERVED) or f"[[0, {recorded}]]")
    if served[-1][1] != number:
        served = [*served, [now_ms, number]][-_CHANGES:]
        store.put_setting(_SERVED, json.dumps(served))
    return served


def _at(served: list[list[int]], when_ms: int) -> int:
    """The port that served at a time; the oldest that is known for what is older."""
    return next((port for since, port in reversed(served) if since <= when_ms), served[0][1])
