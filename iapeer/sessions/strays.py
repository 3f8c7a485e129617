"""Sessions of this root that live on without a record: its database was deleted, and nobody looks after them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from iapeer.process.environment import SESSION_VARIABLE, environment, session_variables
from iapeer.store import Store


async def strays(store: Store, daemon_socket: Path) -> list[tuple[str, int]]:
    """Find them: (identity, process id of the terminal that holds all of it, or of what is left), one a session."""
    marked = await asyncio.to_thread(_marked)  # of every process there is
    unknown = {ident: known for ident, known in marked.items() if store.sessions.get(ident) is None}
    return await asyncio.to_thread(lambda: [known for known in unknown.values() if _calls(known[1], daemon_socket)])


def _marked() -> dict[str, tuple[str, int]]:
    """(identity, lowest process id) by the session that processes name in their environment."""
    marked: dict[str, tuple[str, int]] = {}
    for pid in psutil.pids():
        said = session_variables(pid)
        if (session := said.get(SESSION_VARIABLE)) and (identity := said.get("PEER_IDENTITY")):
            marked.setdefault(session, (identity, pid))
    return marked


def _calls(pid: int, daemon_socket: Path) -> bool:
    """Whether the process was started for the daemon that listens there."""
    return environment(pid).get("IAPEER_SOCKET") == str(daemon_socket)
