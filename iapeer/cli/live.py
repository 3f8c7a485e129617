"""Live sessions in this terminal: attach, peek, answer, and the folder launch `iapeer RUNTIME`."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import click

from iapeer.cli import terminal
from iapeer.cli.consent import confirm_seen, consent, list_unconfirmed, list_wanted, trust_option
from iapeer.cli.options import TextCommand, given, json_option, peer_argument, runtime_option
from iapeer.cli.progress import progress
from iapeer.client.client import PATIENCE_S, WAKE_S, call, url
from iapeer.client.steady import persist
from iapeer.model.errors import Failed, Refused
from iapeer.paths.sockets import absolute
from iapeer.terminal import output
from iapeer.wording.text import complain, visible_lines

LOOK_S = 0.5
_END_LOOK_S = 1.0  # the session's end is recorded a moment after its terminal has closed
_END_WAIT_S = 60.0  # or after a long one, on a machine that has too much to do
_KEY_NAMES = "Enter Escape Tab BTab Space BSpace Up Down Left Right Home End PageUp PageDown PgUp PgDn IC DC"
_KEY = re.compile(rf".|(?:[CMS]-)+(?:.|{_KEY_NAMES.replace(' ', '|')})|F[0-9]{{1,2}}|{_KEY_NAMES.replace(' ', '|')}")


@click.command()
@peer_argument
@click.option("--read-only", is_flag=True, help="Look without typing.")
@runtime_option
@json_option
def attach(peer: str, read_only: bool, runtime: str | None, as_json: bool) -> int:
    """Show a peer's session in this terminal; one that sleeps resumes its last conversation. Detach with Ctrl-b d."""
    if not as_json:
        terminal.need_terminal(f"attach {peer}")
    body = {"read_only": read_only, **given(runtime=runtime)}
    with progress(peer):
        answer = call("POST", url("peers", peer, "attach"), body, timeout=WAKE_S, again=True)
    if as_json:
        output.emit(answer)
        return 0
    return terminal.show(answer["argv"], f"attach {peer}")


@click.command(options_metavar="[--trust] [--json]")
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]")
@trust_option
@json_option
@click.pass_context
def launch(ctx: click.Context, args: tuple[str, ...], trust: bool, as_json: bool) -> int:
    """This folder's peer, with a fresh session of this runtime, in this terminal.

    The folder becomes a peer if it is none yet; a live session is attached to. ARGS go to the agent program.
    Exits with the agent's exit code.
    """
    runtime = str(ctx.info_name)
    if not as_json:
        terminal.need_terminal(runtime)
    peer = _peer_here(runtime, trust)
    with progress(peer):
        body = {"runtime": runtime, "args": list(args)}
        answer = call("POST", url("peers", peer, "launch"), body, timeout=WAKE_S)
    if as_json:
        output.emit(answer)
        return 0
    if not answer["woke"]:
        complain(f"{peer} is live already: attaching to its session.")
    terminal.show(answer["argv"], runtime)
    return _verdict(peer, answer["session"])


def _peer_here(runtime: str, trust: bool) -> str:
    """The peer of this folder. One that has the runtime is left as it is: `init` would make it the default."""
    from pathlib import Path

    here = str(Path(absolute(".")).resolve())
    for peer in call("GET", "/peers")["peers"]:
        if peer["cwd"] == here and any(one["runtime"] == runtime for one in peer["runtimes"]):
            return _consented(peer, trust)
    program = call("GET", url("runtimes", runtime))
    if program["binary"] is None:  # refused before anything is made
        raise Refused(program["warning"], code="no-binary")
    wish = {"dir": here, "create": False, "runtime": runtime, **({"trust": True} if trust else {})}
    answer = call("POST", "/peers", wish)
    name = str(answer["peer"]["personality"])
    if answer["created"]:
        complain(f"This folder is now the peer {name} ({runtime}).")
    consent(answer, complain)
    return name


def _consented(peer: dict[str, Any], trust: bool) -> str:
    """The name of a peer that there is, after its files' word was confirmed, if that is wished, or was told of."""
    name = str(peer["personality"])
    if trust:
        seen = call("GET", url("peers", name))
        list_wanted(name, seen, complain)
        confirm_seen(name, seen)
    elif peer["unconfirmed"]:
        list_unconfirmed(name, call("GET", url("peers", name))["differs"], complain)
    return name


def _verdict(peer: str, session: str) -> int:
    """The agent's exit code, as a shell gives it; 0 when the person only detached."""
    ended = _ended(session)
    if ended["ended_ms"] is None and _runs(ended["pid"]):
        complain(f"{peer} lives on: come back with `iapeer attach {peer}`.")
        return 0
    if (ended["signal"] or ended["exit_code"]) and ended["last_screen"]:  # tmux took it off the terminal
        print(visible_lines(ended["last_screen"].rstrip()), file=sys.stderr)
    if ended["signal"]:
        return 128 + int(ended["signal"])
    if ended["exit_code"] is not None:
        return int(ended["exit_code"])
    how = f"({ended['end_cause']})" if ended["end_cause"] else f"and nothing was recorded for {_END_WAIT_S:.0f} s"
    complain(f"The session of {peer} ended {how}; its exit code is not known: see `iapeer logs {peer}`.")
    return Failed.exit_code


def _ended(session: str) -> dict[str, Any]:
    """The session once its end is on record, or while its agent runs; as it stands when that takes too long."""
    deadline = time.monotonic() + _END_WAIT_S
    while True:
        answer = persist("GET", url("sessions", session), query={"wait_end_s": _END_LOOK_S}, timeout=PATIENCE_S)
        if answer["ended_ms"] is not None or _runs(answer["pid"]) or time.monotonic() > deadline:
            return answer


def _runs(pid: int | None) -> bool:
    from iapeer.process.liveness import gone  # late: only here

    return pid is not None and not gone(pid)


@click.command()
@peer_argument
@click.option("-f", "--follow", is_flag=True, help="Show it again whenever it changes, until Ctrl-C.")
@runtime_option
@json_option
def peek(peer: str, follow: bool, runtime: str | None, as_json: bool) -> None:
    """Print a peer's screen as text."""
    shown = None
    while True:
        answer = call("GET", url("peers", peer, "screen"), query={"runtime": runtime})
        if answer != shown:
            if follow and output.coloured():
                print("\x1b[H\x1b[2J", end="")
            output.show(answer, as_json, _screen)
            shown = answer
        if not follow:
            return
        time.sleep(LOOK_S)


def _screen(answer: dict[str, Any]) -> None:
    output.say_lines(answer["text"].rstrip("\n"))


@click.command(cls=TextCommand)
@peer_argument
@click.argument("words", nargs=-1, required=True, metavar="KEY|TEXT")
@click.option("--text", "as_text", is_flag=True, help="Type it as a text, even if it is the name of a key.")
@runtime_option
@json_option
def answer(peer: str, words: tuple[str, ...], as_text: bool, runtime: str | None, as_json: bool) -> None:
    """Press a key (one character, or a name such as Enter, Escape, Up, C-c) or type a text in a peer's session.

    A text is typed without Enter: submit it with a second `answer PEER Enter`. Prints the screen afterwards.
    """
    body = {**typed(" ".join(words), as_text), **given(runtime=runtime)}
    output.show(call("POST", url("peers", peer, "answer"), body), as_json, _screen)


def typed(words: str, as_text: bool = False) -> dict[str, str]:
    """What to type: `{"key": ...}` in tmux's names, or `{"text": ...}`."""
    return {"key" if not as_text and _KEY.fullmatch(words) else "text": words}
