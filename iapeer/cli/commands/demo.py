"""`iapeer demo`: a tour on bundled fake agents."""

from __future__ import annotations

import click


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print what was proven as JSON.")
def command(as_json: bool) -> None:
    """A self-contained tour on a bundled fake agent, in a throw-away root."""
    from iapeer.demo.tour import walk  # late: `--help` needs none of it

    walk(as_json)
