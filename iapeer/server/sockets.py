"""The daemon's two listening sockets, the unix socket and the loopback port, and the servers on them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from iapeer import __version__
from iapeer.api.caller import PeerProtocol
from iapeer.api.connections import Gate, Listening
from iapeer.api.port import Port
from iapeer.api.tls import Tls
from iapeer.model.disk import using

FileId = tuple[int, int]  # device, inode


class UnixSocket:
    """Our socket, and the file by which it is found. A file that is there already is stale, for we hold the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = self.bind()

    def bind(self) -> socket.socket:
        """Bind a new socket to the path, in place of the one before."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            with using(self.path):
                self.path.unlink(missing_ok=True)
                self.socket.bind(str(self.path))
        finally:
            os.umask(before)
        self._file = file_id(self.path)
        return self.socket

    def abandon(self) -> None:
        """Count it as deleted: nobody listens on it."""
        self._file = None
        self.socket.close()

    def is_there(self) -> bool:
        """Whether the file at the path is ours."""
        return self._file is not None and file_id(self.path) == self._file

    def close(self) -> None:
        """Close it. The file goes with it, unless it is another daemon's."""
        if self.is_there():
            self.path.unlink(missing_ok=True)
        self.socket.close()


def file_id(path: Path) -> FileId | None:
    """Which file stands at `path`; None: none."""
    try:
        info = path.lstat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the daemon has one set for both of its servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def move(self, listener: socket.socket) -> None:
        """Listen on `listener`, and no more where we did."""
        loop, before = asyncio.get_running_loop(), self.servers
        self.servers = [await loop.create_server(self._protocol, sock=listener, backlog=self.config.backlog)]
        for left in before:
            left.close()

    def _protocol(self) -> asyncio.Protocol:
        kind = self.config.http_protocol_class
        return kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)  # type: ignore[call-arg]


def http_server(app: ASGIApp, protocol: type[asyncio.Protocol] | Tls, **headers: str) -> Server:
    """A server of `app` for connections of this protocol. `headers` go with every answer."""
    return Server(
        uvicorn.Config(
            app, http=cast("type[asyncio.Protocol]", protocol), ws="none", lifespan="off", loop="asyncio",
            log_config=None, access_log=False, server_header=False, date_header=False, timeout_graceful_shutdown=1,
            timeout_keep_alive=30, proxy_headers=False,
            headers=[(name.replace("_", "-"), value) for name, value in headers.items()],
        )
    )  # fmt: skip


class Servers:
    """The servers of both sockets: `app` on the unix socket, `door` on the loopback port."""

    def __init__(self, gates: Mapping[str, Gate], unix: UnixSocket, app: ASGIApp, port: Port, door: ASGIApp) -> None:
        self._gates = gates
        self._listeners = Listening(unix.socket, gates["unix"]), Listening(port.listener, gates["tcp"])
        self._servers = (
            http_server(app, PeerProtocol, iapeer_version=__version__),
            http_server(door, Tls(port.certificate.context())),
        )
        self._serving: list[asyncio.Task[None]] = []

    def start(self, ended: Callable[[], None]) -> None:
        """Begin to serve; call `ended` when one of them ends, whatever of."""
        for server, listener in zip(self._servers, self._listeners, strict=True):
            task = asyncio.create_task(server.serve([listener]))
            task.add_done_callback(lambda _: ended())
            self._serving.append(task)

    async def move_unix(self, listener: socket.socket) -> None:
        """Serve the unix socket on `listener` from now on."""
        await self._servers[0].move(Listening(listener, self._gates["unix"]))

    async def close(self, grace_s: float) -> None:
        """End both; answers that were given are read within `grace_s`, or not at all. Raise what one failed of."""
        for server in self._servers:
            server.should_exit = True
        await asyncio.wait(self._serving, timeout=grace_s)
        for server in self._servers:
            server.force_exit = True
        await asyncio.gather(*self._serving)
