"""What the tests of the loopback port use: raw requests, JSON-RPC, and a proxy that shows a token."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.harness import Agent, Root

VERSION = "2025-11-25"  # what Claude Code and Codex ask for


_CERTIFICATES: dict[int, str] = {}  # paths by port


def port_of(root: Root) -> int:
    """The port that serves; from now on its certificate is trusted here."""
    daemon = root.call("GET", "/status")["daemon"]
    port = int(daemon["tcp"].rpartition(":")[2])
    _CERTIFICATES[port] = daemon["certificate"]
    return port


def certificate_of(port: int) -> str:
    """The path of the certificate to trust at this port."""
    return _CERTIFICATES[port]


def trust(port: int) -> ssl.SSLContext:
    """What a client speaks TLS with at this port: it trusts the root's certificate, and nothing else."""
    return ssl.create_default_context(cafile=_CERTIFICATES[port])


def dial(port: int) -> ssl.SSLSocket:
    """A raw connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    return trust(port).wrap_socket(connection, server_hostname="localhost")


def connect(port: int, seconds: float = 60) -> http.client.HTTPSConnection:
    """A connection for HTTP."""
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=seconds, context=trust(port))


def operator_token(root: Root) -> str:
    """What the operator's own programs show."""
    return (root.base / "root" / "state" / "operator.token").read_text().strip()


def count(root: Root) -> int:
    """How many messages are stored."""
    return sum(root.call("GET", "/status")["inbox"].values())


def ask_tcp(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """(status, answer) of one raw request; the answer is decoded when it is JSON. `_` in a header's name is a dash."""
    connection = connect(port)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read()
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.status, json.loads(text) if is_json and text else text


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class Caller:
    """Somebody with a token at `/mcp`. `agent` is whose it is."""

    port: int
    token: str
    agent: Agent

    def post(self, body: object, **headers: str) -> tuple[int, Any]:
        """One POST as an MCP client makes it; `body` as bytes is sent as it is."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION, **bearer(self.token), **headers,
        }  # fmt: skip
        return ask_tcp(self.port, "POST", "/mcp", data, **sent)

    def call(self, arguments: object, **headers: str) -> dict[str, Any]:
        """What tools/call answers: the result, or the JSON-RPC error."""
        params = {"name": "send_to_peer", "arguments": arguments}
        _, answer = self.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, **headers)
        return dict(answer.get("result") or answer["error"])


class _Forward(BaseHTTPRequestHandler):
    """Passes a request on, with the token and by TLS, and names the server where it names the proxy."""

    server: _Proxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        own, theirs = f":{self.server.server_port}", f":{self.server.target}"
        headers = {name: value.replace(own, theirs) for name, value in self.headers.items()}
        if headers.get("Origin", "").endswith(theirs):
            headers["Origin"] = headers["Origin"].replace("http:", "https:")
        headers |= bearer(self.server.token)
        connection = connect(self.server.target)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, self.rfile.read(length), headers)
            answer = connection.getresponse()
            body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_DELETE = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: int, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.target = target
        self.token = token


@contextlib.contextmanager
def proxy(target: int, token: str) -> Iterator[int]:
    """The port of a proxy for programs that cannot show a token."""
    with _Proxy(target, token) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
