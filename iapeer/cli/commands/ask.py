"""`iapeer ask`, with its help; the plain call is in quick.py."""

from __future__ import annotations

from typing import Any

import click

from iapeer.cli.options import TextCommand, json_option, message_options, peer_names


@click.command("ask", cls=TextCommand)
@click.argument("peer", shell_complete=peer_names)
@click.argument("text", nargs=-1)
@message_options
@click.option("--timeout", metavar="D", help="How long to wait at most: 10, 10s, 5m, 1h. Else 5m.")
@json_option
def command(**arguments: Any) -> int:
    """Send a question to a peer, wait for the answer, and print the answer alone.

    The answer is what the peer sends back, or else the last words of its turn. Paths of files that come with it
    are printed on standard error.

    \b
      answer=$(iapeer ask shop "Which port does the test server use?")

    Exit codes: 0 answered, 1 its turn failed or ended without an answer, 3 refused, 4 timed out (the answer will
    still come), 6 typed but not proven.
    """
    from iapeer.cli import quick

    return quick.ask(**arguments)
