"""A daemon of another version than the command."""

from __future__ import annotations

import pytest

from iapeer import __version__
from iapeer.client.skew import sentence
from tests.harness import Root
from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon

ADVICE = "`iapeer daemon restart` brings the new one; sessions live on."
OLD = f"iapeer: The daemon is 0.0.9 and this command {__version__}: {ADVICE}\n"


@pytest.fixture
def old(daemon: Daemon) -> Daemon:
    """A daemon that an upgrade has left behind."""
    daemon.table.version = "0.0.9"
    daemon.on("GET /status", answers.STATUS)
    daemon.on("GET /verify", {"problems": []})
    daemon.on("GET /peers", {"api": 1, "peers": []})
    return daemon


@pytest.mark.parametrize("line", ["status", "verify", "status --json", "verify --json"])
def test_status_and_verify_say_it_always(cli: Cli, old: Daemon, line: str) -> None:
    """On standard error, so that JSON stays JSON."""
    done = cli.run(*line.split())
    assert (done.code, done.err) == (0, OLD)
    assert done.json if "--json" in line else done.out


def test_other_commands_say_it_to_a_person(cli: Cli, old: Daemon) -> None:
    """Once, on a terminal; a program's standard error is left alone."""
    assert cli.run("list").err == ""
    assert cli.terminal("list")[1].count("iapeer daemon restart") == 1


def test_a_restart_says_nothing(cli: Cli, old: Daemon) -> None:
    """It is what was advised. (This daemon cannot be stopped: who asks it is told why.)"""
    old.refuse("POST /daemon/stop", "operator-only", "Not you.", 3)
    assert "brings the new one" not in cli.terminal("daemon", "restart")[1]


def test_a_newer_daemon_is_not_replaced_by_an_older_one() -> None:
    """Its database would be refused: the newer command is meant."""
    assert sentence("99.1") == (
        f"The daemon is 99.1 and this command {__version__}: use the newer `iapeer`, its folder first on PATH."
    )
    assert "of an older version" in sentence(None) and "restart" in sentence(None)


def test_the_daemon_says_its_version(fleet: Root) -> None:
    """With every answer, errors included; so that nothing is said where both are the same."""
    assert fleet.cli("status").stderr == ""
    assert fleet.cli("verify").stderr == ""
