"""`iapeer runtime`: the agent programs that iapeer knows."""

from __future__ import annotations

from typing import Any

import click

from iapeer.cli.options import json_option, timeout_option
from iapeer.client.call import call, url
from iapeer.terminal import output
from iapeer.terminal.streams import complain


@click.group("runtime", no_args_is_help=False)
def runtime() -> None:
    """Show the agent programs iapeer knows."""


command = runtime


@runtime.command("list")
@json_option
def list_runtimes(as_json: bool) -> None:
    """Show all runtimes and the programs found for them."""
    output.show(call("GET", "/runtimes"), as_json, lambda answer: _show_all(answer["runtimes"]))


def _show_all(programs: list[dict[str, Any]]) -> None:
    rows = [
        (program["name"], program["title"], program["version"], program["origin"], program["binary"] or "not found")
        for program in programs
    ]
    output.table(("NAME", "TITLE", "VERSION", "ORIGIN", "PROGRAM"), rows)
    for program in programs:
        if program["warning"]:
            complain(f"{program['name']}: {program['warning']}")


@runtime.command("show")
@click.argument("name", metavar="RUNTIME")
@json_option
def show_runtime(name: str, as_json: bool) -> None:
    """Show one runtime."""
    output.show(call("GET", url("runtimes", name)), as_json, _show_one)


def _show_one(program: dict[str, Any]) -> None:
    output.card(
        [
            ("name", program["name"]),
            ("title", program["title"]),
            ("intelligence", program["intelligence"]),
            ("adapter", f"{program['path']} ({program['origin']})"),
            ("checked with", ", ".join(program["checked"])),
            ("program", program["binary"] or "not found"),
            ("version", program["version"]),
            *(("for versions", _for_versions(part)) for part in program["versions"]),
            ("warning", program["warning"]),
        ]
    )


def _for_versions(part: dict[str, Any]) -> str:
    """Say what differs for a range of versions, and whether that is the installed program's."""
    holds = "applies here" if part["applies"] else "does not apply here"
    return f"{part['range']} ({holds}): {', '.join(part['differs']) or 'nothing differs'}"


@runtime.command("check")
@click.argument("name", metavar="RUNTIME")
@click.option("--only", metavar="WORD", default="", help="Only the checks whose name holds this.")
@click.option("--keep", is_flag=True, help="Keep the throw-away root, to look at it.")
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def check_runtime(name: str, only: str, keep: bool, timeout: float | None, as_json: bool) -> None:
    """Check that a program behaves as its adapter says.

    Runs the real program, in a throw-away root with a home of its own, on a scripted model server; where that can be
    had, without any network but loopback. Exits with 1 when a check fails.
    """
    from iapeer.conformance.offline import cut_off  # late: `--help` needs none of it
    from iapeer.conformance.run import Wish, run

    if not cut_off():
        complain("The network cannot be cut off here: the checked program could use it.")
    run(Wish(name, as_json, only, keep, timeout or 60.0))
