"""The floor of a daemon: a line on a unix socket, made durable, typed into one pane. argv: FOLDER GAP_MS.

FOLDER holds `pane.sock` (the tmux server); it answers on `floor.sock` once the paste is done, then presses Enter.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

from bench import raw


def serve(folder: Path, gap: float) -> None:
    """One connection, one message a line; ends with the connection."""
    client = raw.attach(folder / "pane.sock")
    log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / "floor.sock"))
        listener.listen()
        link, _ = listener.accept()
        with link, link.makefile("rb") as lines:
            for line in lines:
                os.write(log, line)
                os.fdatasync(log)
                raw.paste(client, folder / "spool", line.rstrip(b"\n"))
                link.sendall(b"ok\n")
                time.sleep(gap)
                client.command(b"send-keys -t %0 Enter")
    client.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), float(sys.argv[2]) / 1000)
