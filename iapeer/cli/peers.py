"""Peers themselves: init, create, list, show, remove, verify."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from iapeer.cli import output
from iapeer.cli.client import call, url
from iapeer.cli.options import Handler, given, json_option, peer_argument
from iapeer.cli.text import complain
from iapeer.model.errors import Failed

_TOPICS = 24  # characters of topics in a list
_PROFILE_OPTIONS: list[Callable[[Handler], Handler]] = [
    click.option("-r", "--runtime", metavar="RUNTIME", help="The agent program; else the first that is installed."),
    click.option("--description", metavar="TEXT", help="What the peer is for: other peers read it."),
    click.option("--wake-policy", metavar="POLICY", help="warm (the default), ephemeral or mailbox."),
    click.option("--permissions", type=click.Choice(["default", "bypass"]), help="bypass: the agent never asks."),
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
@profile_options
def init(folder: str, as_json: bool, **wishes: str | None) -> None:
    """Make a folder (by default this one) a peer. Its name is the folder's name."""
    body = {"dir": absolute(folder), "create": False, **given(**wishes)}
    output.show(call("POST", "/peers", body), as_json, lambda answer: _made(answer, wishes["permissions"]))


@click.command()
@click.argument("name")
@click.option("--path", type=click.Path(), help="The new folder; else one of iapeer's own.")
@profile_options
def create(name: str, path: str | None, as_json: bool, **wishes: str | None) -> None:
    """Make a peer in a new folder."""
    body = {"create": True, "name": name, **given(dir=absolute(path) if path else None, **wishes)}
    output.show(call("POST", "/peers", body), as_json, lambda answer: _made(answer, wishes["permissions"]))


def absolute(path: str) -> str:
    """The path from the root: the daemon stands elsewhere."""
    from pathlib import Path

    return str(Path(path).expanduser().absolute())


def _made(answer: dict[str, Any], permissions: str | None) -> None:
    peer = answer["peer"]
    name, runtime = peer["personality"], peer["default_runtime"]
    verb = "is now" if answer["created"] else "is already"
    output.say(f"{name} {verb} a peer: {runtime} in {peer['cwd']}")
    if permissions == "bypass":
        output.say(f"permissions: bypass - {runtime} will act without asking")
    if answer["created"]:
        output.say(f'next: iapeer send {name} "hello"   or: iapeer start {name}')
    if answer.get("warning"):
        complain(answer["warning"])


@click.command("list")
@json_option
def list_peers(as_json: bool) -> None:
    """Show all peers and how they are. The default runtime is marked with a star.

    `refresh` marks a peer whose next wake begins a fresh session.
    """
    output.show(call("GET", "/peers"), as_json, lambda answer: _table(answer["peers"]))


def _table(peers: list[dict[str, Any]]) -> None:
    if not peers:
        output.say("There is no peer yet: `iapeer init` in a folder makes one.")
        return
    rows = [row for peer in peers for row in _rows(peer)]
    headers = ("NAME", "RUNTIME", "STATUS", "ACTIVITY", "QUEUE", "LAST", "FOLDER", "TOPICS")
    used = len(headers) if any(row[-1] for row in rows) else len(headers) - 1
    output.table(headers[:used], [row[:used] for row in rows])


def _rows(peer: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """One row a runtime; what is the peer's as a whole stands in the first."""
    name, folder = peer["personality"], output.at_home(peer["cwd"])
    whole: tuple[object, object] = (peer["queue_depth"], output.ago(peer["last_active_ms"]))
    if peer.get("problem") or not peer["runtimes"]:
        yield name, None, "broken", peer.get("problem"), *whole, folder, None
    for one in peer["runtimes"]:
        yield name, starred(one, peer), one["status"], activity(one), *whole, folder, _topics(one)
        whole = (" ", " ")


def starred(one: dict[str, Any], peer: dict[str, Any]) -> str:
    """A runtime's name; the default one's with a star."""
    return str(one["runtime"]) + ("*" if one["runtime"] == peer["default_runtime"] else "")


def _topics(one: dict[str, Any]) -> str:
    """The newest topics of a session, as far as a column reaches."""
    text = ", ".join(reversed(one.get("topics") or []))
    return text if len(text) <= _TOPICS else text[: _TOPICS - 3] + "..."


def activity(one: dict[str, Any]) -> str:
    """What a runtime's session does, in a few words."""
    words = [one["activity"] or ""]
    blocked = one.get("blocked_on")
    if blocked:
        until = f" until {output.lately(blocked['until'])}" if blocked.get("until") else ""
        words = [f"{words[0] or 'blocked'}: {blocked['reason']}{until}"]
    if one.get("attached"):
        words.append("attached")
    if one.get("refresh"):
        words.append("refresh")
    return ", ".join(word for word in words if word)


@click.command("show")
@peer_argument
@json_option
def show_peer(peer: str, as_json: bool) -> None:
    """Show one peer: its profile, its sessions, what it does."""
    output.show(call("GET", url("peers", peer)), as_json, _card)


def _card(answer: dict[str, Any]) -> None:
    peer, profile = answer["peer"], answer["profile"] or {}
    output.card(
        [
            ("name", peer["personality"]),
            ("problem", peer.get("problem")),
            ("description", peer["description"]),
            ("folder", peer["cwd"]),
            ("profile", answer["profile_path"]),
            ("intelligence", peer["intelligence"]),
            ("wake policy", peer["wake_policy"]),
            ("permissions", profile.get("permissions")),
            ("model", profile.get("model")),
            ("resume", profile.get("resume")),
            ("sleeps after", f"{profile['idle_secs']} s at rest" if "idle_secs" in profile else None),
            ("first words", (profile.get("initial_prompt") or "").strip()[:60] or None),
            ("managed by", peer["managed_by"]),
            ("queue", peer["queue_depth"]),
            ("last active", output.ago(peer["last_active_ms"])),
            *_runtime_lines(peer),
            ("last session", _session(answer["last_session"])),
            ("cannot resume", answer.get("lost")),
        ]
    )


def _runtime_lines(peer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for one in peer["runtimes"]:
        words = [one["status"], activity(one), f"pid {one['pid']}" if one["pid"] else ""]
        blocked = (one.get("blocked_on") or {}).get("text")
        yield starred(one, peer), ", ".join(word for word in words if word) + (f" - {blocked}" if blocked else "")
        yield f"{one['runtime']} topics", ", ".join(one.get("topics") or [])


def _session(session: dict[str, Any] | None) -> str:
    if session is None:
        return ""
    end = f"ended {output.moment(session['ended_ms'])} ({session['end_cause']})" if session["ended_ms"] else "lives"
    began = f"{session['mode']} ({session['cause']}) at {output.moment(session['started_ms'])}"
    return f"{session['id']}: {began}, {end}"


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
    """Find what is wrong with profiles, folders and programs. Exit code 1 if there is an error."""
    answer = call("GET", "/verify")
    output.show(answer, as_json, lambda found: _problems(found["problems"]))
    wrong = any(problem["level"] == "error" for problem in answer["problems"])
    return Failed.exit_code if wrong else 0


def _problems(problems: list[dict[str, Any]]) -> None:
    if not problems:
        output.say("Everything is in order.")
        return
    rows = [(one["level"], one["personality"], one["path"], one["message"]) for one in problems]
    output.table(("LEVEL", "PEER", "PATH", "PROBLEM"), rows)
