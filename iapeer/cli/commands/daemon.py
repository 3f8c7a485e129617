"""`iapeer daemon`: run, start, stop or restart the daemon."""

from __future__ import annotations

import os

import click

from iapeer.cli.options import json_option
from iapeer.client.call import call
from iapeer.paths.sockets import home
from iapeer.terminal import output


@click.group("daemon", no_args_is_help=False)
def daemon() -> None:
    """Run, start, stop or restart the daemon. Sessions live on without it."""


command = daemon


@daemon.command("run")
def run() -> int:
    """Be the daemon, in the foreground. When one lives already: do nothing."""
    from iapeer.process.firstprocess import inherits_orphans, run_beside

    os.environ["HOME"] = home(os.environ)  # for the agents too
    return run_beside(_serve) if inherits_orphans() else _serve()


def _serve() -> int:
    from iapeer.paths.layout import layout
    from iapeer.server import run as server  # late: only here is the daemon's code needed

    return int(server.run(layout()))


@daemon.command("start")
@json_option
def start(as_json: bool) -> None:
    """Start the daemon if it does not run."""
    from iapeer.client.stop import daemon_pid  # late: `--help` needs none of it

    before = daemon_pid()
    answer = call("GET", "/status")
    word = "already runs" if answer["daemon"]["pid"] == before else "runs"
    output.show(answer, as_json, lambda it: output.say(f"The daemon {word} (pid {it['daemon']['pid']})."))


@daemon.command("stop")
@json_option
def stop(as_json: bool) -> None:
    """Stop the daemon and wait until it is gone. Sessions live on."""
    from iapeer.client.stop import stop_daemon

    stopped = stop_daemon()
    word = "is stopped; sessions live on" if stopped else "does not run"
    output.show({"stopping": stopped}, as_json, lambda _: output.say(f"The daemon {word}."))


@daemon.command("restart")
@json_option
def restart(as_json: bool) -> None:
    """Stop the daemon if it runs, and start it."""
    from iapeer.client.stop import stop_daemon

    stop_daemon()
    answer = call("GET", "/status")
    output.show(answer, as_json, lambda it: output.say(f"The daemon runs (pid {it['daemon']['pid']})."))
