"""Ask for consent: to what making a peer entails, and to what a folder's files say beyond that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from iapeer.cli.options import Handler
from iapeer.client.call import call, url
from iapeer.wording.profile import UNASKED

trust_option: Callable[[Handler], Handler] = click.option(
    "--trust", is_flag=True, help="Confirm all that the folder's own .iapeer/ says: permissions, start arguments, ..."
)


def say_confirmed(peer: str, lines: list[str], say: Callable[[str], None], listed: list[str] | None = None) -> None:
    """Say what was confirmed, one line a thing; in one line when that is just what was `listed` before."""
    if not lines:
        say(f"All that the files of {peer} say was confirmed already.")
        return
    if lines == listed:
        say(f"Confirmed of {peer}, for its next session.")
        return
    say(f"Confirmed of {peer}, for its next session:")
    for line in lines:
        say(f"  {line}")


def ask_consent(answer: dict[str, Any], say: Callable[[str], None]) -> None:
    """Say what making this peer consents to, and ask at a terminal about what its folder wants beyond that.

    `answer` is that of POST /peers. The default is no.
    """
    name = answer["peer"]["personality"]
    runtime, permissions = answer["peer"]["default_runtime"], answer["confirmed"]["permissions"]
    if permissions in UNASKED:
        say(f"permissions: {permissions} - {runtime} {UNASKED[permissions]}")
    if answer["trusts"] and answer["created"]:
        say(f"folder trust: when {runtime} asks whether it may trust this folder, iapeer answers yes")
    if answer["taken"]:
        say_confirmed(name, answer["taken"], say)
    if answer["differs"]:
        _ask(name, answer, say)


def _ask(name: str, answer: dict[str, Any], say: Callable[[str], None]) -> None:
    list_unconfirmed(name, answer["differs"], say)
    _list_unseen(name, answer, say)
    if at_terminal() and ask_to_confirm():
        say_confirmed(name, confirm_seen(name, answer)["confirmed"], say, to_confirm(answer))


def at_terminal() -> bool:
    """Whether there is a person who can be asked."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def ask_to_confirm() -> bool:
    """Ask the person at the terminal to confirm what was listed; whether they do. The default is no."""
    return click.confirm("Confirm all of it?", default=False, err=True)


def to_confirm(seen: dict[str, Any]) -> list[str]:
    """List what is about to be confirmed."""
    return [*seen["differs"], *seen.get("unseen", [])]


def confirm_seen(name: str, seen: dict[str, Any]) -> dict[str, Any]:
    """Confirm what the peer's files said in the answer `seen`; Refused when they say another thing by now."""
    return call("POST", url("peers", name, "trust"), {"terms": seen["terms"] or ""})


def list_wanted(name: str, seen: dict[str, Any], say: Callable[[str], None]) -> None:
    """Show what is about to be confirmed, one line a thing."""
    if seen["differs"]:
        say(f"The files of {name} say, and it was not confirmed:")
    for line in seen["differs"]:
        say(f"  {line}")
    _list_unseen(name, seen, say)


def _list_unseen(name: str, seen: dict[str, Any], say: Callable[[str], None]) -> None:
    if seen.get("unseen"):
        say(f"An earlier version took this on for {name} without asking, and it counts:")
    for line in seen.get("unseen", []):
        say(f"  {line}")


def list_unconfirmed(name: str, lines: list[str], say: Callable[[str], None]) -> None:
    """Show what does not count, and how it would."""
    say(f"The files in .iapeer/ say more, which was not confirmed and does not count (`iapeer trust {name}`):")
    for line in lines:
        say(f"  {line}")
