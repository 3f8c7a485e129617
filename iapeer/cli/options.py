"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from iapeer.cli.text import seconds, visible
from iapeer.model.errors import PeerError, Usage


class PeerName(click.ParamType):
    """A peer's name: checked for its form here, so that nothing odd stands in a URL; whether it exists, the daemon says."""

    name = "peer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from iapeer.model.names import PERSONALITY

        if not PERSONALITY.fullmatch(value):
            raise Usage(f"'{visible(value)}' is not a peer name: `iapeer list` shows them.", code="bad-name")
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        return peer_names(incomplete)


class Duration(click.ParamType):
    """`10`, `10s`, `5m`, `1h`, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return seconds(str(value))


def peer_names(incomplete: str) -> list[Any]:
    """The peers whose names begin so, if the daemon runs: a Tab starts nothing."""
    from click.shell_completion import CompletionItem

    from iapeer.cli.client import call

    try:
        peers = call("GET", "/peers", timeout=2.0, start=False)["peers"]
    except PeerError:
        return []
    return [
        CompletionItem(peer["personality"], help=visible(peer.get("description") or ""))
        for peer in peers
        if peer["personality"].startswith(incomplete)
    ]


Handler = Callable[..., Any]

peer_argument: Callable[[Handler], Handler] = click.argument("peer", type=PeerName())
json_option: Callable[[Handler], Handler] = click.option(
    "--json", "as_json", is_flag=True, help="Print the API's object."
)
runtime_option: Callable[[Handler], Handler] = click.option(
    "-r", "--runtime", metavar="RUNTIME", help="Which of the peer's runtimes, if not the one the daemon would take."
)
timeout_option: Callable[[Handler], Handler] = click.option(
    "--timeout", type=Duration(), metavar="D", help="How long to wait at most: 10, 10s, 5m, 1h."
)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}
