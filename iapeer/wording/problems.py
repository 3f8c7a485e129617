"""What `verify` finds, as sentences."""

from __future__ import annotations


def noticed_late(why: str) -> str:
    """File changes are not told by the system."""
    return f"changes of files are noticed late: {why}"


def stray(identity: str, pid: int) -> str:
    """A session that no record tells of."""
    return (
        f"A session of {identity} lives on without a record, for the database it stood in was deleted: `kill {pid}` "
        "ends it."
    )
