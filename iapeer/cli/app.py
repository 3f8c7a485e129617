"""The commands by name, loaded when they are called, and how click's errors look."""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from typing import Any

import click

from iapeer import __version__
from iapeer.model.errors import Usage
from iapeer.wording.text import visible

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("iapeer.cli.peers:init", "Make a folder a peer."),
    "create": ("iapeer.cli.peers:create", "Make a peer in a new folder."),
    "list": ("iapeer.cli.overview:list_peers", "Show all peers, how they are and why."),
    "show": ("iapeer.cli.overview:show_peer", "Show one peer: why it sleeps, how it would wake."),
    "set": ("iapeer.cli.change:set_fields", "Change fields of a peer's profile."),
    "trust": ("iapeer.cli.trust:trust", "Confirm what a peer's files say: permissions, arguments, ..."),
    "runtime-add": ("iapeer.cli.change:runtime_add", "Let a peer run in one more agent program."),
    "move": ("iapeer.cli.change:move", "Tell iapeer where a peer's folder has moved to."),
    "remove": ("iapeer.cli.peers:remove", "Forget a peer; its folder stays."),
    "verify": ("iapeer.cli.peers:verify", "Find what is wrong with profiles, folders and programs."),
    "attach": ("iapeer.cli.live:attach", "Show a peer's session in this terminal; resume it if it sleeps."),
    "peek": ("iapeer.cli.live:peek", "Print a peer's screen."),
    "answer": ("iapeer.cli.live:answer", "Press a key or type a text in a peer's session."),
    "send": ("iapeer.cli.talk:send", "Send a message to a peer."),
    "ask": ("iapeer.cli.talk:ask", "Send a question to a peer and print the answer."),
    "inbox": ("iapeer.cli.talk:inbox", "Show a peer's messages and where they stand."),
    "message": ("iapeer.cli.message:message", "Show the path of one message, and its answer."),
    "stop": ("iapeer.cli.control:stop", "End a peer's session and keep it down."),
    "start": ("iapeer.cli.control:start", "Wake a peer; it may run again."),
    "new": ("iapeer.cli.control:new", "Give a peer a fresh session."),
    "refresh": ("iapeer.cli.control:refresh", "Let a peer's next wake begin a fresh session."),
    "interrupt": ("iapeer.cli.control:interrupt", "Interrupt a peer's turn."),
    "compact": ("iapeer.cli.control:compact", "Let a peer's agent compact its conversation."),
    "self": ("iapeer.cli.own:own", "For agents: end this session, or have a fresh one."),
    "wait": ("iapeer.cli.control:wait", "Wait until a peer is idle, asleep or live."),
    "events": ("iapeer.cli.watch:events", "Show what happened."),
    "logs": ("iapeer.cli.watch:logs", "Show the log lines of a peer."),
    "status": ("iapeer.cli.watch:status", "Show the daemon and the counts."),
    "daemon": ("iapeer.cli.daemon:daemon", "Run, start, stop or restart the daemon."),
    "runtime": ("iapeer.cli.runtimes:runtime", "Show the agent programs iapeer knows."),
    "demo": ("iapeer.cli.demo:demo", "A tour on bundled fake agents, in a throw-away root."),
    "completion": ("iapeer.cli.complete:completion", "Print the completion script of a shell."),
}
_LAUNCH = ("RUNTIME [-- ARGS]", "This folder's peer, fresh, in this terminal; e.g. `iapeer claude`.")
VARIABLE = "_IAPEER_COMPLETE"  # set by the completion scripts
_LAUNCHER = "iapeer.cli.live:launch"


def _terminal_width() -> int:
    """The width of help texts, as click would find it, without the 3 ms of shutil."""
    try:
        columns = os.get_terminal_size().columns
    except (OSError, ValueError):
        columns = 80
    return max(50, min(columns, 80) - 2)


_SETTINGS = {"help_option_names": ["-h", "--help"], "terminal_width": _terminal_width()}


class Commands(click.Group):
    """Loads a command's module when the command is called. A runtime's name is a command too: the folder launch."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            return load(COMMANDS[cmd_name][0])
        return load(_LAUNCHER) if cmd_name in _runtimes_here() else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            if _asks_help(args) or not _daemon_knows(args[0]):
                raise _unknown(args[0])
            command = load(_LAUNCHER)
        return args[0], command, args[1:]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*((name, line) for name, (_, line) in COMMANDS.items()), _LAUNCH])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        known = {name: line for name, (_, line) in COMMANDS.items()} | dict.fromkeys(_runtimes_here(), _LAUNCH[1])
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


def load(where: str) -> click.Command:
    """The command that stands at `module:attribute`."""
    module, _, attribute = where.partition(":")
    command = getattr(import_module(module), attribute)
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
        found = call("GET", "/runtimes", timeout=5.0, start=False)["runtimes"]
    except PeerError:
        return False
    return any(one["name"] == word for one in found)


def _runtimes_here() -> list[str]:
    """The runtimes that have an adapter file, bundled or the user's own."""
    from iapeer.model.errors import PeerError
    from iapeer.paths.layout import bundled, layout

    folders = [bundled("adapters")]
    with contextlib.suppress(PeerError):  # a sandbox without a root: the bundled ones are all there are
        folders.append(layout().adapters)
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
