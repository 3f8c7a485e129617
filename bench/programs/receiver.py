"""A raw-mode terminal program. Tells the datagram socket in argv[1] when the last byte of a paste came, and its digest.

With argv[2] = "print" it prints instead, each time a datagram comes to the socket argv[3], and tells when it did.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import time
import tty

START, END = b"\x1b[200~", b"\x1b[201~"


def receive(link: socket.socket) -> None:
    """Read pastes for ever."""
    os.write(1, b"\x1b[?2004hready\r\n")
    data = b""
    while piece := os.read(0, 1 << 16):
        data += piece
        if data.endswith(END):
            now = time.monotonic_ns()
            body = data[data.index(START) + len(START) : -len(END)]
            link.send(f"{now} {len(body)} {hashlib.sha256(body).hexdigest()}".encode())
            data = b""


def print_on_demand(link: socket.socket, path: str) -> None:
    """Print one character a datagram."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wishes:
        wishes.bind(path)
        link.send(b"ready")
        while True:
            wishes.recv(16)
            now = time.monotonic_ns()
            os.write(1, b"x")
            link.send(str(now).encode())


def main() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.connect(sys.argv[1])
        tty.setraw(0)
        if sys.argv[2:3] == ["print"]:
            print_on_demand(link, sys.argv[3])
        link.send(b"ready")
        receive(link)


if __name__ == "__main__":
    main()
