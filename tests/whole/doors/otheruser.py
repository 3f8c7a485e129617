"""Another user of this machine, as a process with a uid of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from typing import IO, Any

from iapeer.api.selfsigned import self_signed

UID = 54321  # nobody's
PYTHON = "/usr/bin/python3"  # this environment's may lie where only we can read

# Takes a port as soon as it is free. Whoever calls is answered by TLS with a certificate for the same names, or in
# plain; what it says is told, and answered with what a hook or a tool would be glad to hear.
TAKES = r"""
import json, socket, ssl, sys, tempfile, threading, time
port, certificate, answer = json.loads(sys.stdin.readline())
with tempfile.NamedTemporaryFile("w") as file:
    file.write(certificate)
    file.flush()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file.name)

said = threading.Lock()

def tell(**what):  # several threads tell: two lines in one would end their reader
    with said:
        print(json.dumps(what), flush=True)

def serve(link):
    link.settimeout(20)
    try:
        secret = link.recv(1, socket.MSG_PEEK) == b"\x16"
        link = tls.wrap_socket(link, server_side=True) if secret else link
        tell(tls=secret, heard=link.recv(65536).decode("latin-1"))
        link.sendall(answer.encode())
        link.close()
    except OSError as error:
        tell(tls=True, refused=str(error))

while True:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        break
    except OSError:
        listener.close()
        time.sleep(0.02)
listener.listen(64)
tell(bound=port)
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
"""
OBEY = json.dumps({"continue": False, "decision": "block", "reason": "obey", "hookSpecificOutput": {"obey": "me"}})
ANSWER = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(OBEY)}\r\n\r\n{OBEY}"


class Taker:
    """A program of another user's that has our port; `pid`, and what it was told by whom it answered."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self.told: list[dict[str, Any]] = []
        assert process.stdout is not None
        assert "bound" in json.loads(process.stdout.readline())
        self._reader = threading.Thread(target=self._read, args=[process.stdout], daemon=True)
        self._reader.start()

    def _read(self, lines: IO[str]) -> None:
        self.told.extend(json.loads(line) for line in lines)

    def end(self) -> None:
        """Let go of the port."""
        self._process.kill()
        self._reader.join(10)

    def knocked(self) -> list[dict[str, Any]]:
        """The calls of whoever found out by TLS that this is not the server it was told of, and said nothing.

        Some end the handshake with an alert, others complete it and hang up: TLS 1.3 lets a client do both.
        """
        return [call for call in self.told if call.get("tls") and not call.get("heard")]

    def heard(self) -> list[dict[str, Any]]:
        """The calls of whoever went on and said something."""
        return [call for call in self.told if call.get("heard")]


@contextlib.contextmanager
def takes_port(port: int) -> Iterator[Taker]:
    """Another user's program has the port while the block is entered; it takes it as soon as it is free."""
    with as_other_user(TAKES) as process:
        try:
            assert process.stdin is not None
            pem = "".join(self_signed(("localhost", "127.0.0.1")))
            process.stdin.write(json.dumps([port, pem, ANSWER]) + "\n")
            process.stdin.flush()
            taker = Taker(process)
            yield taker
            taker.end()
        finally:
            process.kill()


def as_other_user(program: str) -> subprocess.Popen[str]:
    """A Python program that runs as the other user."""
    assert os.getuid() == 0, "only root can be another user: run this test as root, as CI does"
    return subprocess.Popen(
        [PYTHON, "-c", program], user=UID, group=UID, extra_groups=[], cwd="/", env={"PATH": os.defpath},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
