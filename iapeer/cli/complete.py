"""Completion scripts."""

from __future__ import annotations

import click

VARIABLE = "_IAPEER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    bash: eval "$(iapeer completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc.
    fish: iapeer completion fish > ~/.config/fish/completions/iapeer.fish
    """
    from click.shell_completion import get_completion_class

    from iapeer.cli.app import cli

    kind = get_completion_class(shell)
    assert kind is not None
    print(kind(cli, {}, "iapeer", VARIABLE).source())
