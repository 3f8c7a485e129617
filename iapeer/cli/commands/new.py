"""`iapeer new`: give a peer a fresh session."""

from __future__ import annotations

from iapeer.cli.verbs import verb_command

command = verb_command("new", "End a peer's session and give it a fresh one.")
