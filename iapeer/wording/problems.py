"""What `verify` tells of, a sentence each."""

from __future__ import annotations

LINE = 400  # characters of what a file says, where nobody is asked to confirm it


def noticed_late(why: str) -> str:
    """The system does not tell of changed files."""
    return f"changes of files are noticed late: {why}"


def stray(identity: str, pid: int) -> str:
    """A session lives that no record tells of."""
    return (
        f"A session of {identity} lives on without a record, for the database it stood in was deleted: `kill {pid}` "
        "ends it."
    )


def port_taken(recorded: int, holder: str, serving: int) -> str:
    """Another program has the recorded port."""
    return f"Port {recorded} is taken by {holder}: {serving} serves until the daemon is restarted with that port free."


def deaf(identity: str, peer: str) -> str:
    """A session calls, or trusts, what served when it was launched."""
    return (
        f"{identity} was launched when another port or certificate served, so that its send_to_peer reaches nobody: "
        f"`iapeer send` works in it; `iapeer new {peer}` gives it the tool back."
    )


def not_read(why: str) -> str:
    """A text for sessions cannot be read."""
    return f"no session is told of this file ({why})"


def folder_gone(remedy: str) -> str:
    """A peer's folder is not there."""
    return f"the folder is gone: {remedy}"


def other_name(written: str, registered: str) -> str:
    """A profile has another name than its peer."""
    return f"the profile says '{written}', the registry '{registered}'"


def not_counting(line: str, peer: str, *, broken: bool) -> str:
    """A file says what was not confirmed. `broken`: it cannot be used at all."""
    remedy = "mend the file" if broken else f"`iapeer trust {peer}` confirms it"
    return f"it does not count: {line}; {remedy}"


def unseen(line: str, peer: str) -> str:
    """Something counts that nobody was asked about."""
    remedy = f"`iapeer trust {peer}` shows and confirms it"
    return f"an earlier version took it on without asking, and it counts: {line}; {remedy}"


def policy(name: str, *, known: bool) -> str:
    """A wake policy is not one that is built; `known`: it will be."""
    return f"wake_policy '{name}' {'is not built yet and means warm for now' if known else 'is unknown and means warm'}"
