"""`iapeer verify`: find what is wrong with profiles, folders and programs."""

from __future__ import annotations

from typing import Any

import click

from iapeer.cli.options import json_option
from iapeer.client import skew
from iapeer.client.call import call
from iapeer.model.errors import Failed
from iapeer.terminal import output


@click.command("verify")
@json_option
def command(as_json: bool) -> int:
    """Find what is wrong with profiles, folders and programs. Exit code 1 for an error or what is unconfirmed."""
    answer = call("GET", "/verify")
    output.show(answer, as_json, lambda it: _show_problems(it["problems"]))
    skew.say()
    wrong = any(problem["level"] in ("error", "unconfirmed") for problem in answer["problems"])
    return Failed.exit_code if wrong else 0


def _show_problems(problems: list[dict[str, Any]]) -> None:
    if not problems:
        output.say("Everything is in order.")
        return
    if all(problem["level"] == "unconfirmed" for problem in problems):
        output.say("Everything is in order, but for what was not confirmed and does not count:")
    rows = [(problem["level"], problem["personality"], problem["path"], problem["message"]) for problem in problems]
    output.table(("LEVEL", "PEER", "PATH", "PROBLEM"), rows)
