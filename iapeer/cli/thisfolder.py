"""Find the peer of the folder we stand in, or make it one."""

from __future__ import annotations

from typing import Any

from iapeer.cli.consent import ask_consent, confirm_seen, list_unconfirmed, list_wanted
from iapeer.client.call import call, url
from iapeer.model.errors import Refused
from iapeer.paths.sockets import absolute
from iapeer.terminal.streams import complain


def peer_here(runtime: str, trust: bool) -> str:
    """Name the peer of this folder, and make it one if it is none that has the runtime.

    One that has the runtime is left as it is: `init` would make it the default.
    """
    from pathlib import Path

    here = str(Path(absolute(".")).resolve())
    for peer in call("GET", "/peers")["peers"]:
        if peer["cwd"] == here and any(entry["runtime"] == runtime for entry in peer["runtimes"]):
            return _consented(peer, trust)
    program = call("GET", url("runtimes", runtime))
    if program["binary"] is None:  # refused before anything is made
        raise Refused(program["warning"], code="no-binary")
    wish = {"dir": here, "create": False, "runtime": runtime, **({"trust": True} if trust else {})}
    answer = call("POST", "/peers", wish)
    name = str(answer["peer"]["personality"])
    if answer["created"]:
        complain(f"This folder is now the peer {name} ({runtime}).")
    ask_consent(answer, complain)
    return name


def _consented(peer: dict[str, Any], trust: bool) -> str:
    """Confirm what the files of a peer say, if that is wished, else tell of what does not count; its name."""
    name = str(peer["personality"])
    if trust:
        seen = call("GET", url("peers", name))
        list_wanted(name, seen, complain)
        confirm_seen(name, seen)
    elif peer["unconfirmed"]:
        list_unconfirmed(name, call("GET", url("peers", name))["differs"], complain)
    return name
