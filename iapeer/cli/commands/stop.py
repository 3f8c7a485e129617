"""`iapeer stop`: end a peer's sessions and keep it down."""

from __future__ import annotations

from iapeer.cli.verbs import verb_command

command = verb_command(
    "stop", "End a peer's sessions and keep it down until `start`. Its messages wait. With -r: of this runtime alone."
)
