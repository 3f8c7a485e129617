"""`iapeer start`: wake a peer."""

from __future__ import annotations

from iapeer.cli.verbs import verb_command

command = verb_command("start", "Wake a peer; a stopped one may run again.")
