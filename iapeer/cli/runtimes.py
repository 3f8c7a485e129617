"""The agent programs: runtime list, runtime show."""

from __future__ import annotations

from typing import Any

import click

from iapeer.cli import output
from iapeer.cli.client import call, url
from iapeer.cli.options import json_option
from iapeer.cli.text import complain


@click.group(no_args_is_help=False)
def runtime() -> None:
    """Show the agent programs iapeer knows."""


@runtime.command("list")
@json_option
def list_runtimes(as_json: bool) -> None:
    """Show all runtimes and the programs found for them."""
    output.show(call("GET", "/runtimes"), as_json, lambda answer: _table(answer["runtimes"]))


def _table(found: list[dict[str, Any]]) -> None:
    rows = [(one["name"], one["title"], one["version"], one["origin"], one["binary"] or "not found") for one in found]
    output.table(("NAME", "TITLE", "VERSION", "ORIGIN", "PROGRAM"), rows)
    for one in found:
        if one["warning"]:
            complain(f"{one['name']}: {one['warning']}")


@runtime.command("show")
@click.argument("name", metavar="RUNTIME")
@json_option
def show_runtime(name: str, as_json: bool) -> None:
    """Show one runtime."""
    output.show(call("GET", url("runtimes", name)), as_json, _card)


def _card(one: dict[str, Any]) -> None:
    output.card(
        [
            ("name", one["name"]),
            ("title", one["title"]),
            ("intelligence", one["intelligence"]),
            ("adapter", f"{one['path']} ({one['origin']})"),
            ("checked with", ", ".join(one["checked"])),
            ("program", one["binary"] or "not found"),
            ("version", one["version"]),
            ("warning", one["warning"]),
        ]
    )
