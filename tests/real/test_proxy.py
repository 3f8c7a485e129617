"""Behind a proxy the real agents still reach us, and their model server on loopback, themselves."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from iapeer.model.states import FINAL
from tests.harness import wait_for
from tests.real.conftest import Models, real_fleet

pytestmark = pytest.mark.real


# What a program asks its own vendor for: not ours to keep in. Plain requests and SOCKS never look like it.
VENDORS = re.compile(rb"CONNECT [a-z0-9.-]*[a-z]:443 HTTP/1\.1\r\n")


class Listener:
    """A proxy that answers nobody and keeps what it was sent."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._socket.accept()
                with link:
                    link.settimeout(2)
                    self.heard.append(link.recv(4096))

    def close(self) -> None:
        """Listen no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@pytest.fixture
def proxy() -> Iterator[Listener]:
    """One that is gone afterwards."""
    made = Listener()
    yield made
    made.close()


def test_nothing_of_ours_goes_to_the_proxy(models: Models, proxy: Listener) -> None:
    """Models, our tool and hooks are on loopback: both agents take a message, send one, and the proxy hears none."""
    with real_fleet(models) as fleet:
        url = f"127.0.0.1:{proxy.port}"
        behind = {f"{kind}_PROXY": f"http://{url}" for kind in ("HTTP", "HTTPS")} | {"ALL_PROXY": f"socks5://{url}"}
        fleet.env |= behind | {name.lower(): value for name, value in behind.items()} | {"NO_PROXY": "corp.example"}
        fleet.start()
        fleet.claude("alice")
        fleet.codex("carol")
        for name, other in (("alice", "carol"), ("carol", "alice")):
            wish = json.dumps({"personality": other, "message": f"from {name}"})
            sent = fleet.send(name, f"@@TOOL iapeer/send_to_peer {wish}@@", wait="done", timeout_s=90)
            assert (name, sent["state"]) == (name, "done")
        wait_for(lambda: all(fleet.state(event["message"]) in FINAL for event in fleet.events("accepted")), "the rest")
        assert {"from alice", "from carol"} <= set(fleet.bodies())
        assert not fleet.events("degraded")
    assert [line for line in proxy.heard if not VENDORS.match(line)] == []
