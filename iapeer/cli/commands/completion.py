"""`iapeer completion`: print the completion script of a shell."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    bash: eval "$(iapeer completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc.
    fish: iapeer completion fish > ~/.config/fish/completions/iapeer.fish
    """
    from click.shell_completion import get_completion_class

    from iapeer.cli.app import VARIABLE, cli

    kind = get_completion_class(shell)
    assert kind is not None
    print(kind(cli, {}, "iapeer", VARIABLE).source())
