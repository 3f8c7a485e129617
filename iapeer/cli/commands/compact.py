"""`iapeer compact`: let a peer's agent compact its conversation."""

from __future__ import annotations

from iapeer.cli.verbs import verb_command

command = verb_command(
    "compact",
    "Let a peer's agent compact its conversation, and wait until it has. One that sleeps resumes its last conversation "
    "for it. --all: every live peer.",
)
