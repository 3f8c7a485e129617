"""`iapeer set`: change fields of a peer's profile."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from iapeer.cli.options import json_option, peer_argument
from iapeer.client.call import call, url
from iapeer.model.errors import Usage
from iapeer.terminal import output
from iapeer.wording.text import visible

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@click.command("set")
@peer_argument
@click.argument("pairs", nargs=-1, required=True, metavar="KEY=VALUE...")
@json_option
def command(peer: str, pairs: tuple[str, ...], as_json: bool) -> None:
    """Change fields of a peer's profile: description, model, permissions, initial_prompt, and when it sleeps.

    wake_policy: warm (one conversation) or ephemeral (a worker: every message has a fresh session of its own).
    idle_secs: put to sleep after so long at rest. resume: always, whoever writes, or by-topic. Of a worker:
    unarmed_secs, how long its session stays silent without a result; timeout_secs, how long a turn may take.

    A VALUE that is JSON is taken as such: numbers, true, false, null (back to the default), [...], {...} and a "..."
    in quotes. Anything else is the text itself.

    \b
      iapeer set shop description="Sells things" idle_secs=600 model=null
      iapeer set tester wake_policy=ephemeral unarmed_secs=300 timeout_secs=3600
    """
    answer = call("PATCH", url("peers", peer), {"fields": fields(pairs)})
    output.show(answer, as_json, lambda it: _show_changed(peer, it))


def fields(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read fields from `KEY=VALUE` words. Usage for a word that is none, or a key that is given twice."""
    parsed: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not (equals and _KEY.fullmatch(key)):
            raise Usage(f"'{visible(pair)}' is not KEY=VALUE: write e.g. idle_secs=600.", code="bad-pair")
        if key in parsed:
            raise Usage(f"'{key}' is given twice.", code="bad-pair")
        parsed[key] = value(text)
    return parsed


def value(text: str) -> Any:
    """Read a text as a JSON value; the text itself when it is none."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _show_changed(peer: str, answer: dict[str, Any]) -> None:
    changed = ", ".join(answer["changed"])
    output.say(f"{peer} has changed: {changed}" if changed else f"{peer} was so already")
    if answer.get("note"):
        output.say(answer["note"])
