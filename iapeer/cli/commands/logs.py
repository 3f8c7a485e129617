"""`iapeer logs`: show the log lines of a peer."""

from __future__ import annotations

from collections.abc import Iterator

import click

from iapeer.cli.options import json_option, peer_argument, runtime_option
from iapeer.client.call import NotRunning, call, is_inside_session, url
from iapeer.model.errors import PeerError, Refused
from iapeer.terminal import output
from iapeer.terminal.streams import complain


@click.command("logs")
@peer_argument
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option("--pane", is_flag=True, help="What the session's terminal showed, instead of what iapeer did.")
@runtime_option
@json_option
def command(peer: str, follow: bool, pane: bool, runtime: str | None, as_json: bool) -> None:
    """Show the log lines of a peer, by time."""
    _check_concerned(peer)
    lines = _pane_lines(peer, runtime, follow) if pane else _log_lines(peer, follow)
    empty = True
    for line in lines:
        empty = False
        _print_line(line, as_json)
    if empty:
        call("GET", url("peers", peer))  # an unknown peer is an error with the nearest names
        complain(f"There is no log line of {peer} yet.")


def _check_concerned(peer: str) -> None:
    """Raise Refused for an agent that asks about another peer. The operator needs neither a daemon nor the peer."""
    try:
        call("GET", url("peers", peer), start=False)
    except NotRunning:
        if is_inside_session():
            raise
    except PeerError as error:
        if error.code != "unknown-peer":
            raise


def _print_line(line: str, as_json: bool) -> None:
    from iapeer.wording import logfmt

    if as_json:
        output.emit(logfmt.read(line) or {"line": line})
    else:
        output.say_lines(line)


def _log_lines(peer: str, follow: bool) -> Iterator[str]:
    from iapeer.cli import logfiles
    from iapeer.paths.layout import layout

    folder = layout().logs
    added = logfiles.follow([folder / f"{kind}.log" for kind in logfiles.KINDS])
    yield from logfiles.history(folder, peer)
    if follow:
        yield from (line for line in added if logfiles.concerns(line, peer))


def _pane_lines(peer: str, runtime: str | None, follow: bool) -> Iterator[str]:
    from iapeer.cli import logfiles
    from iapeer.paths.layout import layout

    path = logfiles.pane_log(layout().logs / "panes", peer, runtime)
    if path is None:
        call("GET", url("peers", peer))
        raise Refused(f"There is no pane log of {peer} yet: it has not run.", code="no-log")
    added = logfiles.follow([path])
    yield from logfiles.without_escapes(path.read_bytes().decode("utf-8", "replace")).split("\n")
    if follow:
        yield from (logfiles.without_escapes(line) for line in added)
