"""Which agent stands behind a process that shows no token: asked of it and of its ancestors, not of what it says."""

from __future__ import annotations

from iapeer.model.errors import Usage
from iapeer.model.names import split_identity
from iapeer.process.environment import SESSION_VARIABLE, session_variables
from iapeer.process.liveness import alive, start_mark
from iapeer.process.tree import ancestors
from iapeer.sessions.launchplan import token_hash
from iapeer.store import Store


def agent_behind(pid: int, mark: float | None, store: Store) -> str | None:
    """Find the identity whose session the process with this number and start mark comes from; None when nothing says
    that there is one.

    ProcessLookupError when it is gone, whoever has its number now, or lives where we cannot see it. An ancestor that
    may not be asked says nothing.
    """
    if not alive(pid, mark):
        raise ProcessLookupError
    known = _session_processes(store)
    for up in ancestors(pid):
        by_number = known.get(up)
        if by_number is not None and by_number[0] == start_mark(up):
            return by_number[1]
        said = session_variables(up)
        if said and (named := _named(said, store)) is not None:
            return named
    return None


def _session_processes(store: Store) -> dict[int, tuple[float | None, str]]:
    """(start mark, identity) of every open session's first process and of its tmux server, whose jobs are below it."""
    known: dict[int, tuple[float | None, str]] = {}
    for session in store.sessions.all_open():
        for pid, mark in ((session.pid, session.pid_started), (session.server_pid, session.server_started)):
            if pid is not None:
                known[pid] = mark, session.identity
    return known


def _named(said: dict[str, str], store: Store) -> str | None:
    """The identity of this root that these variables name. Another root's session is nobody here."""
    if (ident := said.get(SESSION_VARIABLE)) and (session := store.sessions.get(ident)) is not None:
        return session.identity
    if (token := said.get("IAPEER_TOKEN")) and (session := store.sessions.by_token(token_hash(token))) is not None:
        return session.identity
    claimed = said.get("PEER_IDENTITY")
    return claimed if claimed and SESSION_VARIABLE not in said and _is_ours(claimed, store) else None


def _is_ours(claimed: str, store: Store) -> bool:
    try:
        return store.peers.get(split_identity(claimed)[1]) is not None
    except Usage:
        return False
