"""`iapeer interrupt`: interrupt a peer's turn."""

from __future__ import annotations

from iapeer.cli.verbs import verb_command

command = verb_command("interrupt", "Interrupt a peer's turn. --all: of every busy peer.")
