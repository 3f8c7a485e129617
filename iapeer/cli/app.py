"""Run a command line with click: the commands by name, loaded when they are called, and how click's errors look."""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from typing import Any

import click

from iapeer import __version__
from iapeer.model.errors import Usage
from iapeer.wording.text import visible

# What each is for. It is the `command` of the file of its name in cli/commands/.
COMMANDS = {
    "init": "Make a folder a peer.",
    "create": "Make a peer in a new folder.",
    "list": "Show all peers, how they are and why.",
    "show": "Show one peer: why it sleeps, how it would wake.",
    "set": "Change fields of a peer's profile.",
    "trust": "Confirm what a peer's files say: permissions, arguments, ...",
    "runtime-add": "Let a peer run in one more agent program.",
    "move": "Tell iapeer where a peer's folder has moved to.",
    "remove": "Forget a peer; its folder stays.",
    "verify": "Find what is wrong with profiles, folders and programs.",
    "attach": "Show a peer's session in this terminal; resume it if it sleeps.",
    "peek": "Print a peer's screen.",
    "answer": "Press a key or type a text in a peer's session.",
    "send": "Send a message to a peer.",
    "ask": "Send a question to a peer and print the answer.",
    "inbox": "Show a peer's messages and where they stand.",
    "message": "Show the path of one message, and its answer.",
    "stop": "End a peer's session and keep it down.",
    "start": "Wake a peer; it may run again.",
    "new": "Give a peer a fresh session.",
    "refresh": "Let a peer's next wake begin a fresh session.",
    "interrupt": "Interrupt a peer's turn.",
    "compact": "Let a peer's agent compact its conversation.",
    "self": "For agents: end this session, or have a fresh one.",
    "wait": "Wait until a peer is idle, asleep or live.",
    "events": "Show what happened.",
    "logs": "Show the log lines of a peer.",
    "status": "Show the daemon and the counts.",
    "daemon": "Run, start, stop or restart the daemon.",
    "runtime": "Show the agent programs iapeer knows.",
    "demo": "A tour on bundled fake agents, in a throw-away root.",
    "completion": "Print the completion script of a shell.",
}
_LAUNCH_FILE = "launch"  # no command's name: a runtime's name runs it
_LAUNCH = ("RUNTIME [-- ARGS]", "This folder's peer, fresh, in this terminal; e.g. `iapeer claude`.")
VARIABLE = "_IAPEER_COMPLETE"  # set by the completion scripts


def _terminal_width() -> int:
    """Find the width of help texts as click would, without the 3 ms of shutil."""
    try:
        columns = os.get_terminal_size().columns
    except (OSError, ValueError):
        columns = 80
    return max(50, min(columns, 80) - 2)


_SETTINGS = {"help_option_names": ["-h", "--help"], "terminal_width": _terminal_width()}


class Commands(click.Group):
    """Loads a command's file when it is called. A runtime's name is a command too: the folder launch."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            return load(cmd_name)
        return load(_LAUNCH_FILE) if cmd_name in _runtimes_here() else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            if _asks_help(args) or not _daemon_knows(args[0]):
                raise _unknown(args[0])
            command = load(_LAUNCH_FILE)
        return args[0], command, args[1:]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items(), _LAUNCH])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        known = COMMANDS | dict.fromkeys(_runtimes_here(), _LAUNCH[1])
        return [CompletionItem(name, help=line) for name, line in known.items() if name.startswith(incomplete)]


@click.group(cls=Commands, context_settings=_SETTINGS, no_args_is_help=False)
@click.version_option(__version__, message="iapeer %(version)s")
def cli() -> None:
    """Keeps a team of interactive AI agents on this machine one message away."""


def run(args: list[str]) -> int:
    """Run one command line; the exit code. Errors are PeerErrors.

    Not by click's `main`, which makes an exit code 1 of a broken pipe, unless a shell asks for completions.
    """
    if VARIABLE in os.environ:
        cli.main(prog_name="iapeer", complete_var=VARIABLE)
    try:
        with cli.make_context("iapeer", args or ["--help"]) as ctx:
            code = cli.invoke(ctx)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        raise _usage(error) from error
    except click.ClickException as error:
        raise Usage(error.format_message()) from error
    except click.Abort as error:
        raise KeyboardInterrupt from error
    return code if isinstance(code, int) else 0


def load(name: str) -> click.Command:
    """Import the command that stands in the file of this name."""
    command = import_module(f"iapeer.cli.commands.{name.replace('-', '_')}").command
    assert isinstance(command, click.Command)
    return command


def _usage(error: click.UsageError) -> Usage:
    what = " ".join(error.format_message().split()).rstrip(".")
    path = error.ctx.command_path if error.ctx is not None else "iapeer"
    return Usage(f"{what} See `{path} --help`." if what.endswith("?") else f"{what}: see `{path} --help`.")


def _unknown(word: str) -> Usage:
    from iapeer.model.names import nearest

    close = nearest(word, [*COMMANDS, *_runtimes_here()])
    hint = f"did you mean {' or '.join(close)}?" if close else "see `iapeer --help`."
    return Usage(f"There is no command or runtime '{visible(word)}': {hint}", code="unknown-command")


def _asks_help(args: list[str]) -> bool:
    own = args[: args.index("--")] if "--" in args else args
    return "-h" in own or "--help" in own


def _daemon_knows(word: str) -> bool:
    """Whether the daemon, if it runs, has a runtime of that name."""
    from iapeer.client.call import call
    from iapeer.model.errors import PeerError

    try:
        runtimes = call("GET", "/runtimes", timeout=5.0, start=False)["runtimes"]
    except PeerError:
        return False
    return any(runtime["name"] == word for runtime in runtimes)


def _runtimes_here() -> list[str]:
    """Name the runtimes that have an adapter file, bundled or the user's own."""
    from iapeer.model.errors import PeerError
    from iapeer.paths.layout import bundled, layout

    folders = [bundled("adapters")]
    with contextlib.suppress(PeerError):  # a sandbox without a root: the bundled ones are all there are
        folders.append(layout().adapters)
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
