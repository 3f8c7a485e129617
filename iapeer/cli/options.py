"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from iapeer.cli.dashed import is_text
from iapeer.model.errors import PeerError, Usage
from iapeer.wording.text import visible
from iapeer.wording.times import seconds


def _peer(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Check the form of a name, so that nothing odd stands in a URL. The daemon says who exists."""
    from iapeer.model.names import PERSONALITY

    if value is not None and not PERSONALITY.fullmatch(value):
        raise Usage(f"'{visible(value)}' is not a peer name: `iapeer list` shows them.", code="bad-name")
    return value


def _duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    return None if value is None else seconds(value)


def peer_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Complete the names of peers, if the daemon runs: a Tab starts nothing."""
    from click.shell_completion import CompletionItem

    from iapeer.client.call import call

    try:
        peers = call("GET", "/peers", timeout=2.0, start=False)["peers"]
    except PeerError:
        return []
    return [
        CompletionItem(peer["personality"], help=visible(peer.get("description") or ""))
        for peer in peers
        if peer["personality"].startswith(incomplete)
    ]


def inbox_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Complete the names of peers, and of the operator, who has an inbox too."""
    from click.shell_completion import CompletionItem

    own = [CompletionItem("operator", help="your own shell")] if "operator".startswith(incomplete) else []
    return [*peer_names(ctx, param, incomplete), *own]


def wait_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Complete what can be waited for."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in ("delivered", "done", "reply") if name.startswith(incomplete)]


Handler = Callable[..., Any]

peer_argument: Callable[[Handler], Handler] = click.argument("peer", callback=_peer, shell_complete=peer_names)
inbox_argument: Callable[[Handler], Handler] = click.argument("peer", callback=_peer, shell_complete=inbox_names)
optional_peer: Callable[[Handler], Handler] = click.argument(
    "peer", required=False, metavar="PEER|--all", callback=_peer, shell_complete=peer_names
)
json_option: Callable[[Handler], Handler] = click.option(
    "--json", "as_json", is_flag=True, help="Print the API's object."
)
runtime_option: Callable[[Handler], Handler] = click.option(
    "-r", "--runtime", metavar="RUNTIME", help="Which of the peer's runtimes, if not the one the daemon would take."
)
timeout_option: Callable[[Handler], Handler] = click.option(
    "--timeout", callback=_duration, metavar="D", help="How long to wait at most: 10, 10s, 5m, 1h."
)


class TextCommand(click.Command):
    """A command that takes a text. What begins with a dash and can be no option is text, wherever it stands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, [_MARK + arg if is_text(arg) else arg for arg in args])
        ctx.params = {name: _unmarked(value) for name, value in ctx.params.items()}
        return rest


_MARK = "\0"  # in front of a text, for click: no argument can hold it


def _unmarked(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_unmarked, value))
    return value.removeprefix(_MARK) if isinstance(value, str) else value


def given(**fields: Any) -> dict[str, Any]:
    """Keep the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


_MESSAGE_OPTIONS: list[Callable[[Handler], Handler]] = [
    click.option("-f", "--file", metavar="FILE|-", help="Read the text from a file, or from standard input (-)."),
    click.option("-r", "--runtime", metavar="RUNTIME", help="To this runtime of the peer."),
    click.option("--topic", metavar="T", help="What it is about: a sleeping agent resumes its conversation on it."),
    click.option("--re", metavar="ID", help="The message that this one answers."),
    click.option("--attach", metavar="PATH", multiple=True, help="A file to go with it; may be given again."),
]


def message_options(handler: Handler) -> Handler:
    """Add the options that `send` and `ask` have in common."""
    for option in reversed(_MESSAGE_OPTIONS):
        handler = option(handler)
    return handler
