"""`iapeer answer`: press a key or type a text in a peer's session."""

from __future__ import annotations

import re

import click

from iapeer.cli.options import TextCommand, given, json_option, peer_argument, runtime_option
from iapeer.cli.show.screen import show_screen
from iapeer.client.call import call, url
from iapeer.terminal import output

_KEY_NAMES = "Enter Escape Tab BTab Space BSpace Up Down Left Right Home End PageUp PageDown PgUp PgDn IC DC"
_KEY = re.compile(rf".|(?:[CMS]-)+(?:.|{_KEY_NAMES.replace(' ', '|')})|F[0-9]{{1,2}}|{_KEY_NAMES.replace(' ', '|')}")


@click.command("answer", cls=TextCommand)
@peer_argument
@click.argument("words", nargs=-1, required=True, metavar="KEY|TEXT")
@click.option("--text", "as_text", is_flag=True, help="Type it as a text, even if it is the name of a key.")
@runtime_option
@json_option
def command(peer: str, words: tuple[str, ...], as_text: bool, runtime: str | None, as_json: bool) -> None:
    """Press a key (one character, or a name such as Enter, Escape, Up, C-c) or type a text in a peer's session.

    A text is typed without Enter: submit it with a second `answer PEER Enter`. Prints the screen afterwards.
    """
    body = {**typed(" ".join(words), as_text), **given(runtime=runtime)}
    output.show(call("POST", url("peers", peer, "answer"), body), as_json, show_screen)


def typed(words: str, as_text: bool = False) -> dict[str, str]:
    """Decide what to type: `{"key": ...}` in tmux's names, or `{"text": ...}`."""
    return {"key" if not as_text and _KEY.fullmatch(words) else "text": words}
