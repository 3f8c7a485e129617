"""Live sessions in this terminal: attach, peek, answer, and the folder launch `iapeer RUNTIME`."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Any

import click

from iapeer.cli import output
from iapeer.cli.client import WAKE_S, call, url
from iapeer.cli.consent import consent, list_unconfirmed, trust_option
from iapeer.cli.options import given, json_option, peer_argument, runtime_option
from iapeer.cli.progress import progress
from iapeer.cli.text import complain, visible_lines
from iapeer.model.errors import Failed, Refused, Usage

LOOK_S = 0.5
_END_WAIT_S = 1.0  # the session's end is recorded a moment after its terminal has closed
_KEY_NAMES = "Enter Escape Tab BTab Space BSpace Up Down Left Right Home End PageUp PageDown PgUp PgDn IC DC"
_KEY = re.compile(rf".|(?:[CMS]-)+(?:.|{_KEY_NAMES.replace(' ', '|')})|F[0-9]{{1,2}}|{_KEY_NAMES.replace(' ', '|')}")


@click.command()
@peer_argument
@click.option("--read-only", is_flag=True, help="Look without typing.")
@runtime_option
@json_option
def attach(peer: str, read_only: bool, runtime: str | None, as_json: bool) -> None:
    """Show a peer's session in this terminal; one that sleeps resumes its last conversation. Detach with Ctrl-b d."""
    if not as_json:
        _need_terminal("attach")
    body = {"read_only": read_only, **given(runtime=runtime)}
    with progress(peer):
        answer = call("POST", url("peers", peer, "attach"), body, timeout=WAKE_S)
    if as_json:
        output.emit(answer)
    else:
        _become(answer["argv"])


def _become(argv: list[str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(argv[0], argv, _outside_tmux())
    except OSError as error:
        raise _no_program(argv, error) from error


def _outside_tmux() -> dict[str, str]:
    """Our environment, without what makes tmux refuse to show a session inside another."""
    return {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}


def _no_program(argv: list[str], error: OSError) -> Failed:
    return Failed(f"{argv[0]} cannot be run ({error.strerror}): is it installed and on PATH?", code="no-binary")


def _need_terminal(what: str) -> None:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage(f"`iapeer {what}` needs a terminal: use `iapeer peek` or `iapeer send` here.", code="no-terminal")


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
        _need_terminal(runtime)
    peer = _peer_here(runtime, trust)
    with progress(peer):
        body = {"runtime": runtime, "args": list(args)}
        answer = call("POST", url("peers", peer, "launch"), body, timeout=WAKE_S)
    if as_json:
        output.emit(answer)
        return 0
    if not answer["woke"]:
        complain(f"{peer} is live already: attaching to its session.")
    _hand_over(answer["argv"])
    return _verdict(peer, answer["session"])


def _peer_here(runtime: str, trust: bool) -> str:
    """The peer of this folder. One that has the runtime is left as it is: `init` would make it the default."""
    from pathlib import Path

    here = str(Path.cwd().resolve())
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
        call("POST", url("peers", name, "trust"), {})
    elif peer["unconfirmed"]:
        list_unconfirmed(name, call("GET", url("peers", name))["differs"], complain)
    return name


def _hand_over(argv: list[str]) -> None:
    """Run `argv` in this terminal. Ctrl-C is for it, not for us."""
    import signal
    import subprocess

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        subprocess.run(argv, env=_outside_tmux(), check=False)
    except OSError as error:
        raise _no_program(argv, error) from error
    finally:
        signal.signal(signal.SIGINT, before)


def _verdict(peer: str, session: str) -> int:
    """The agent's exit code, as a shell gives it; 0 when the person only detached."""
    ended = call("GET", url("sessions", session), query={"wait_end_s": _END_WAIT_S})
    if ended["ended_ms"] is None:
        complain(f"{peer} lives on: come back with `iapeer attach {peer}`.")
        return 0
    if (ended["signal"] or ended["exit_code"]) and ended["last_screen"]:  # tmux took it off the terminal
        print(visible_lines(ended["last_screen"].rstrip()), file=sys.stderr)
    if ended["signal"]:
        return 128 + int(ended["signal"])
    if ended["exit_code"] is not None:
        return int(ended["exit_code"])
    complain(f"The session of {peer} ended ({ended['end_cause']}); its exit code is not known.")
    return Failed.exit_code


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


@click.command()
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
