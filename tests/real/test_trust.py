"""What a user's agent trusts besides our server: a certificate of their own stays trusted, however they named it."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.get_claude import CLAUDE, OLDER
from fixtures.get_codex import CODEX
from fixtures.get_codex import OLDER as OLDER_CODEX
from fixtures.npm_binary import Pinned
from iapeer.api.selfsigned import self_signed
from tests.real.conftest import Models, real_fleet

pytestmark = pytest.mark.real


class Front:
    """TLS in front of a server on loopback, with a certificate of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        certificate, key = self_signed(("localhost", "127.0.0.1"))
        self.certificate = folder / f"front-{url.rpartition(':')[2]}.pem"
        self.certificate.write_text(certificate)
        (folder / "front.pem").write_text(certificate + key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "front.pem")
        self._behind = int(url.rpartition(":")[2])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._pass_on, args=[self._listener.accept()[0]], daemon=True).start()

    def _pass_on(self, link: socket.socket) -> None:
        with (
            contextlib.suppress(OSError), link, self._context.wrap_socket(link, server_side=True) as outside,
            socket.create_connection(("127.0.0.1", self._behind)) as inside,
        ):  # fmt: skip
            threading.Thread(target=_pump, args=[inside, outside], daemon=True).start()
            _pump(outside, inside)

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def _fronts(models: Models, folder: Path) -> Iterator[tuple[Front, Front]]:
    made = Front(models.messages.url, folder), Front(models.responses.url, folder)
    try:
        yield made
    finally:
        for front in made:
            front.close()


@pytest.mark.parametrize("named", ["environment", "settings"])
@pytest.mark.parametrize(("claude", "codex"), [(CLAUDE, CODEX), (OLDER, OLDER_CODEX)], ids=["newest", "older"])
def test_the_users_certificates_count_beside_ours(
    models: Models, claude: Pinned, codex: Pinned, named: str, tmp_path: Path
) -> None:
    """The models are reached by TLS with the user's certificate, our tool by TLS with ours."""
    with _fronts(models, tmp_path) as (messages, responses), real_fleet(models, claude=claude, codex=codex) as fleet:
        fleet.env |= {"ANTHROPIC_BASE_URL": messages.url, "SSL_CERT_FILE": str(responses.certificate)}
        if named == "settings":
            settings = {"env": {"NODE_EXTRA_CA_CERTS": str(messages.certificate)}}
            (fleet.home / ".claude" / "settings.json").write_text(json.dumps(settings))
        else:
            fleet.env["NODE_EXTRA_CA_CERTS"] = str(messages.certificate)
        config = fleet.home / ".codex" / "config.toml"
        config.write_text(config.read_text().replace(models.responses.url, responses.url))
        fleet.start()
        fleet.claude("alice")
        fleet.codex("carol")
        for name in ("alice", "carol"):
            wish = json.dumps({"personality": "operator", "message": f"from {name}"})
            sent = fleet.send(name, f"@@TOOL iapeer/send_to_peer {wish}@@", wait="done", timeout_s=90)
            assert (name, sent["state"]) == (name, "done")
        told = {row["preview"] for row in fleet.call("GET", "/peers/operator/inbox")["rows"]}
        assert told == {"from alice", "from carol"}
