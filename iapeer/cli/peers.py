"""Peers themselves: init, create, remove, verify."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from iapeer.cli.consent import consent, trust_option
from iapeer.cli.options import Handler, given, json_option, peer_argument
from iapeer.client import skew
from iapeer.client.call import call, url
from iapeer.model.errors import Failed
from iapeer.model.names import PERMISSION_MODES
from iapeer.paths.sockets import absolute
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
    """The options that become fields of the profile, and --json."""
    for option in reversed(_PROFILE_OPTIONS):
        handler = option(handler)
    return handler


@click.command()
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path())
@click.option("--name", metavar="NAME", help="The peer's name; else the folder's, in small letters.")
@trust_option
@profile_options
def init(folder: str, name: str | None, trust: bool, as_json: bool, **wishes: str | None) -> None:
    """Make a folder (by default this one) a peer.

    Of a .iapeer/ that the folder brings along, nothing counts that makes its sessions more dangerous, before you say
    yes: here at the terminal, with --trust, or later by `iapeer trust`.
    """
    consented = {"trust": True} if trust else {}
    body = {"dir": absolute(folder), "create": False, **consented, **given(name=name, **wishes)}
    output.show(call("POST", "/peers", body), as_json, _made)


@click.command()
@click.argument("name")
@click.option("--path", type=click.Path(), help="The new folder; else one of iapeer's own.")
@profile_options
def create(name: str, path: str | None, as_json: bool, **wishes: str | None) -> None:
    """Make a peer in a new folder."""
    body = {"create": True, "name": name, **given(dir=absolute(path) if path else None, **wishes)}
    output.show(call("POST", "/peers", body), as_json, _made)


def _made(answer: dict[str, Any]) -> None:
    peer = answer["peer"]
    name, runtime = peer["personality"], peer["default_runtime"]
    verb = "is now" if answer["created"] else "is already"
    output.say(f"{name} {verb} a peer: {runtime} in {peer['cwd']}")
    consent(answer, output.say)
    if answer["created"]:
        output.say(f'next: iapeer send {name} "hello"   or: iapeer start {name}')
    if answer.get("warning"):
        complain(answer["warning"])


@click.command()
@peer_argument
@click.option("--force", is_flag=True, help="Also when it is live or has messages waiting.")
@json_option
def remove(peer: str, force: bool, as_json: bool) -> None:
    """Forget a peer and every trace of its state. Its folder stays."""
    answer = call("DELETE", url("peers", peer), query={"force": 1 if force else None})
    output.show(answer, as_json, lambda it: output.say(f"{it['removed']} is removed; its folder {it['cwd']} stays"))


@click.command()
@json_option
def verify(as_json: bool) -> int:
    """Find what is wrong with profiles, folders and programs. Exit code 1 for an error or what is unconfirmed."""
    answer = call("GET", "/verify")
    output.show(answer, as_json, lambda found: _problems(found["problems"]))
    skew.say()
    wrong = any(problem["level"] in ("error", "unconfirmed") for problem in answer["problems"])
    return Failed.exit_code if wrong else 0


def _problems(problems: list[dict[str, Any]]) -> None:
    if not problems:
        output.say("Everything is in order.")
        return
    if all(problem["level"] == "unconfirmed" for problem in problems):
        output.say("Everything is in order, but for what was not confirmed and does not count:")
    rows = [(one["level"], one["personality"], one["path"], one["message"]) for one in problems]
    output.table(("LEVEL", "PEER", "PATH", "PROBLEM"), rows)
