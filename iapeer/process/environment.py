"""What a process was started with: its environment, and the session that it names."""

from __future__ import annotations

import os
import sys

import psutil

from iapeer.process.liveness import start_mark

SESSION_VARIABLE = "IAPEER_SESSION"
SESSION_VARIABLES = (SESSION_VARIABLE, "IAPEER_TOKEN", "PEER_IDENTITY")  # each says that a process is an agent's
MAX_ENVIRONMENT = 8 << 20  # bytes; more is none that a program was started with
_PART = 1 << 16


def environment(pid: int) -> dict[str, str]:
    """All of its variables; nothing where they cannot be read."""
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}


def working_folder(pid: int) -> str | None:
    """The folder it works in now; None where that cannot be told."""
    try:
        return psutil.Process(pid).cwd()
    except (psutil.Error, OSError):
        return None


def session_variables(pid: int) -> dict[str, str]:
    """Read what names a session from the environment that a process was started with; nothing where it is not told."""
    try:
        if sys.platform == "linux":
            return _session_variables(pid)
        else:  # noqa: RET505 - mypy tells the platforms apart by it
            variables = psutil.Process(pid).environ()
            return {name: variables[name] for name in SESSION_VARIABLES if name in variables}
    except (OSError, psutil.Error):
        return {}


def marked(session: str) -> list[tuple[int, float]]:
    """The processes whose environment carries this session's id, with their start marks; this one left out."""
    carriers = [(pid, start_mark(pid)) for pid in psutil.pids() if pid != os.getpid() and _carries(pid, session)]
    return [(pid, mark) for pid, mark in carriers if mark is not None]


def _carries(pid: int, session: str) -> bool:
    try:
        if sys.platform == "linux":  # five times as fast as psutil: asked of every process there is
            with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123
                return f"\0{SESSION_VARIABLE}={session}\0".encode() in b"\0" + file.read() + b"\0"
        else:
            return psutil.Process(pid).environ().get(SESSION_VARIABLE) == session
    except (OSError, psutil.Error):
        return False


def _session_variables(pid: int) -> dict[str, str]:
    text = b"\0" + _read(f"/proc/{pid}/environ")
    named = {}
    for name in SESSION_VARIABLES:
        _, there, rest = text.partition(f"\0{name}=".encode())
        if there:
            named[name] = os.fsdecode(rest.partition(b"\0")[0])
    return named


def _read(path: str) -> bytes:
    text = bytearray()
    descriptor = os.open(path, os.O_RDONLY)  # three times as fast as a file object: asked of every caller's ancestors
    try:
        while len(text) < MAX_ENVIRONMENT and (part := os.read(descriptor, _PART)):
            text += part
    finally:
        os.close(descriptor)
    return bytes(text)
