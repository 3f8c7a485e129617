"""What an agent's program runs at the end of a turn: hands its standard input to the daemon, over the unix socket.

A program of its own, the standard library's core alone, for it runs once a turn. It prints nothing and always ends
well: a hook's output and exit code are orders to some programs, and nobody's answer may become one.
"""

from __future__ import annotations

import os
import socket

LIMIT = 1 << 20  # bytes; what is longer is told without its words
PATIENCE_S = 2.0
PATH = "/turn-end"


def main() -> None:
    """Tell it, and wait until it was heard: the next turn must not begin before."""
    payload = _read(0)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: iapeer\r\nConnection: close\r\n"
        f"Authorization: Bearer {os.environ['IAPEER_TOKEN']}\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.settimeout(PATIENCE_S)
        daemon.connect(os.environ["IAPEER_SOCKET"])
        daemon.sendall(head.encode() + payload)
        daemon.recv(64)


def _read(fd: int) -> bytes:
    """All there is; nothing when that is too much."""
    payload = b""
    while part := os.read(fd, 1 << 16):
        payload += part if len(payload) <= LIMIT else b""
    return payload if len(payload) <= LIMIT else b""


if __name__ == "__main__":
    try:
        main()
    except (OSError, KeyError):  # no daemon, or not in a session: nobody to tell
        os._exit(0)
