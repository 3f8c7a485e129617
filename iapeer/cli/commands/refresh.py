"""`iapeer refresh`: let a peer's next wake begin a fresh session."""

from __future__ import annotations

from iapeer.cli.verbs import verb_command

command = verb_command("refresh", "Let a peer's next wake begin a fresh session. The one it has is not touched.")
