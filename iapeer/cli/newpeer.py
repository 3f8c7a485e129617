"""Make a peer: what `init` and `create` share, which is the options of the profile, and showing what was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from iapeer.cli.consent import ask_consent
from iapeer.cli.options import Handler, json_option
from iapeer.model.names import PERMISSION_MODES
from iapeer.terminal import output
from iapeer.terminal.streams import complain

_MODES = "default: it asks as you have set it; auto: its own judge decides, where it has one; bypass: it never asks."
_PROFILE_OPTIONS: list[Callable[[Handler], Handler]] = [
    click.option("-r", "--runtime", metavar="RUNTIME", help="The agent program; else the first that is installed."),
    click.option("--description", metavar="TEXT", help="What the peer is for: other peers read it."),
    click.option(
        "--wake-policy",
        metavar="POLICY",
        help="warm (the default): one conversation; ephemeral: a fresh session for every message.",
    ),
    click.option("--permissions", type=click.Choice(PERMISSION_MODES), help=_MODES),
    click.option("--model", metavar="MODEL", help="The model, in the runtime's own words."),
    json_option,
]


def profile_options(handler: Handler) -> Handler:
    """Add the options that become fields of the profile, and --json."""
    for option in reversed(_PROFILE_OPTIONS):
        handler = option(handler)
    return handler


def show_made(answer: dict[str, Any]) -> None:
    """Show the peer that POST /peers answered with, what it consents to, and what to do next."""
    peer = answer["peer"]
    name, runtime = peer["personality"], peer["default_runtime"]
    verb = "is now" if answer["created"] else "is already"
    output.say(f"{name} {verb} a peer: {runtime} in {peer['cwd']}")
    ask_consent(answer, output.say)
    if answer["created"]:
        output.say(f'next: iapeer send {name} "hello"   or: iapeer start {name}')
    if answer.get("warning"):
        complain(answer["warning"])
