"""What happened and how it stands: events, logs, status."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from iapeer import __version__
from iapeer.cli.options import json_option, peer_argument, runtime_option
from iapeer.client import skew
from iapeer.client.client import NotRunning, call, is_inside_session, url
from iapeer.model.errors import PeerError, Refused
from iapeer.terminal import output
from iapeer.wording import times
from iapeer.wording.events import words
from iapeer.wording.text import complain

_PAGE = 1000
_RETURN_S = 15.0  # how long to wait for a daemon that restarts
_STEP_S = 0.25
_HANG = 26  # columns: folded events go on below their kind


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option("--peer", metavar="PEER", help="Only what concerns this peer.")
@click.option("--kind", metavar="KIND", help="Only events of this kind, or of these: a,b.")
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Only events after this number.")
@json_option
def events(follow: bool, peer: str | None, kind: str | None, after: int | None, as_json: bool) -> None:
    """Show what happened, one event a line, oldest first."""
    query = {"peer": peer, "kind": kind, "after": after or 0}
    for event in _followed(query) if follow else _past(query):
        if as_json:
            output.emit(event)
        else:
            output.say_folded(event_line(event), _HANG)


def event_line(event: dict[str, Any]) -> str:
    """An event as people read it: when, what, whom; then its sentence if it has one, and the rest as logfmt."""
    rest = words(event, ("ts", "ev", "personality", "identity"))
    who = event.get("identity") or event.get("personality") or "-"
    return f"{times.stamp(event['ts'])}  {event['ev']:<16} {who:<24} {rest}".rstrip()


def _past(query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    after = query["after"]
    while True:
        page = call("GET", "/events", query={**query, "after": after, "limit": _PAGE})
        yield from page["events"]
        if not page["events"] or page["next"] <= after:
            return
        after = page["next"]


def _followed(query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The stream; when the daemon restarts, its continuation without a gap."""
    from iapeer.client.stream import events as stream
    from iapeer.client.stream import open_stream

    connection = open_stream(query)
    while True:
        with connection:
            for event in stream(connection):
                query = {**query, "after": event["seq"]}
                yield event
        connection = _again(query)


def _again(query: dict[str, Any]) -> Any:
    from iapeer.client.stream import open_stream

    deadline = time.monotonic() + _RETURN_S
    while True:
        time.sleep(_STEP_S)
        try:
            return open_stream(query, start=False)
        except NotRunning:
            if time.monotonic() > deadline:
                raise


@click.command()
@peer_argument
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option("--pane", is_flag=True, help="What the session's terminal showed, instead of what iapeer did.")
@runtime_option
@json_option
def logs(peer: str, follow: bool, pane: bool, runtime: str | None, as_json: bool) -> None:
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
    """Refused for an agent that asks about another peer. The operator reads logs also without a daemon or the peer."""
    try:
        call("GET", url("peers", peer), start=False)
    except NotRunning:
        if is_inside_session():
            raise
    except PeerError as error:
        if error.code != "unknown-peer":
            raise


def _print_line(line: str, as_json: bool) -> None:
    from iapeer.cli.logfiles import fields

    if as_json:
        output.emit(fields(line) or {"line": line})
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


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show the daemon, and the counts of peers and messages. Starts nothing."""
    try:
        answer = call("GET", "/status", start=False)
    except NotRunning:
        answer = _without_daemon()
    output.show(answer, as_json, _status)
    skew.say()


def _without_daemon() -> dict[str, Any]:
    from iapeer.paths.layout import layout

    store = str(layout().database)
    return {"version": __version__, "api": 1, "daemon": None, "store": store, "peers": {}, "inbox": {}}


def _status(answer: dict[str, Any]) -> None:
    daemon = answer["daemon"]
    if daemon is None:
        line = "not running: the next command that needs it starts it"
    else:
        line = f"pid {daemon['pid']}, up {times.span(daemon['uptime_s'])}, managed by {daemon['managed_by']}"
    output.card(
        [
            ("iapeer", answer["version"]),
            ("daemon", line),
            ("socket", daemon and daemon["socket"]),
            ("tcp", daemon and daemon["tcp"]),
            ("TAKEN", daemon and _taken(daemon)),
            ("deaf", daemon and _deaf(daemon)),
            ("unwatched", daemon and daemon.get("unwatched")),
            ("store", answer["store"]),
            ("peers", daemon and _counts(answer["peers"])),  # without a daemon nobody has counted
            ("messages", daemon and _counts(answer["inbox"])),
            ("duties", _progress(answer.get("duties", ()))),
            *((f"duty {one['name']}", one["problem"]) for one in answer.get("duties", ())),  # those that are unwell
        ]
    )


def _progress(duties: Sequence[dict[str, Any]]) -> str:
    """When each background duty last made progress."""
    return ", ".join(f"{duty['name']} {times.ago(duty['progress_ms']) or 'not yet'}" for duty in duties)


def _taken(daemon: dict[str, Any]) -> str:
    """Who has the port that agents were told of."""
    taken = daemon.get("taken")
    if not taken:
        return ""
    from iapeer.api.otherend import in_words  # late: it hardly ever happens

    who = in_words(taken["uid"], taken["pid"])
    return f"PORT {taken['port']} IS TAKEN by {who}: restart the daemon once it is free (`iapeer daemon restart`)"


def _deaf(daemon: dict[str, Any]) -> str:
    """Whose tools reach nobody."""
    names = ", ".join(daemon.get("deaf", ()))
    return f"{names}: send_to_peer reaches nobody, `iapeer send` works, `iapeer new PEER` mends it" if names else ""


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "none"
