"""Tell one peer, or all, to stop, start, begin a new session, ... The commands return when it has happened."""

from __future__ import annotations

import time
from typing import Any

import click

from iapeer.cli.options import given, json_option, optional_peer, runtime_option
from iapeer.cli.progress import progress
from iapeer.client.call import LOST, WAKE_S, call, url
from iapeer.model.errors import PeerError, Usage
from iapeer.terminal import output
from iapeer.terminal.streams import complain
from iapeer.wording.times import took

_AT_ONCE = 16  # peers acted on at the same time
_TWICE = ("stop", "start", "refresh")  # what comes to the same if a daemon ended over it and it is asked again
_DONE = {
    "stop": "{peer} is stopped",
    "start": "{peer} is {status}",
    "new": "{peer} has a fresh session and is {status}",
    "refresh": "{peer} begins a fresh session at its next wake",
    "interrupt": "{peer} is interrupted",
    "compact": "{peer} has compacted its conversation",
}


def verb_command(name: str, text: str) -> click.Command:
    """Make the command that tells a peer, or all, to do `name`. `text` is its help."""

    @click.command(name, help=text)
    @optional_peer
    @click.option("--all", "everyone", is_flag=True, help="All peers.")
    @runtime_option
    @json_option
    def command(peer: str | None, everyone: bool, runtime: str | None, as_json: bool) -> int:
        if everyone == (peer is not None):
            raise Usage(f"Name a peer or give --all: see `iapeer {name} --help`.")
        body = given(runtime=runtime)
        if peer is None:
            return _act_on_all(name, body, as_json)
        with progress(peer):
            answer = _act(name, peer, body)
        whom = f"{peer} ({runtime})" if runtime is not None else peer
        output.show(answer, as_json, lambda it: output.say(_sentence(name, whom, it)))
        return 0

    return command


def _act(verb: str, peer: str, body: dict[str, Any]) -> dict[str, Any]:
    if verb == "new":
        return _renew(peer, body)
    return call("POST", url("peers", peer, verb), body, timeout=WAKE_S, again=True if verb in _TWICE else None)


def _renew(peer: str, body: dict[str, Any]) -> dict[str, Any]:
    """Do `new` once: where a daemon ended over it, ask the next one whether the fresh session is there already."""
    began_ms = time.time() * 1000
    while True:
        try:
            return call("POST", url("peers", peer, "new"), body, timeout=WAKE_S)
        except PeerError as error:
            if error.code not in LOST:
                raise
        runtimes = call("GET", url("peers", peer))["peer"]["runtimes"]
        wakes = [entry["last_wake"] or {} for entry in runtimes if body.get("runtime") in (None, entry["runtime"])]
        if any(wake.get("cause") == "new" and wake["at_ms"] >= began_ms for wake in wakes):
            return call("POST", url("peers", peer, "start"), body, timeout=WAKE_S, again=True)


def _sentence(verb: str, peer: str, answer: dict[str, Any]) -> str:
    done = _DONE[verb].format(peer=peer, status=answer["status"])
    done += f" in {took(answer['took_ms'])}" if answer.get("took_ms") is not None else ""
    return f"{done} ({answer['activity']})" if answer.get("activity") else done


def _act_on_all(verb: str, body: dict[str, Any], as_json: bool) -> int:
    """Do it to every peer that it can mean something for; the worst exit code."""
    from concurrent.futures import ThreadPoolExecutor

    names = [peer["personality"] for peer in call("GET", "/peers")["peers"] if _concerned(verb, peer)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        results = list(threads.map(lambda name: _attempt(verb, name, body), names))
    pairs = list(zip(names, results, strict=True))
    if as_json:
        output.emit({"results": [{"personality": name, **_object(result)} for name, result in pairs]})
    else:
        for name, result in pairs:
            _report(verb, name, result)
        if not names:
            output.say(f"There is no peer to {verb}.")
    return max((result.exit_code for result in results if isinstance(result, PeerError)), default=0)


def _concerned(verb: str, peer: dict[str, Any]) -> bool:
    if verb == "compact":  # one that sleeps has nothing that grows
        return any(entry["status"] == "live" for entry in peer["runtimes"])
    return verb != "interrupt" or any(entry["activity"] == "busy" for entry in peer["runtimes"])


def _attempt(verb: str, peer: str, body: dict[str, Any]) -> dict[str, Any] | PeerError:
    try:
        return _act(verb, peer, body)
    except PeerError as error:
        return error


def _object(result: dict[str, Any] | PeerError) -> dict[str, Any]:
    if isinstance(result, PeerError):
        return {"error": {"code": result.code, "message": str(result), "exit": result.exit_code}}
    return result


def _report(verb: str, peer: str, result: dict[str, Any] | PeerError) -> None:
    if isinstance(result, PeerError):
        complain(f"{peer}: {result}")
    else:
        output.say(_sentence(verb, peer, result))
