"""Help runs nothing, names that do not exist are met with the nearest ones, errors have one form, modules come late."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from typing import Any

import click
import pytest

from iapeer.cli.app import COMMANDS, load
from iapeer.model.names import COMMANDS as RESERVED
from tests.unit.cli import answers
from tests.unit.cli.fake import REPO, Cli, Daemon, Table, listens

BUILT = [name for name in COMMANDS if name != "demo"]  # the tour has tests of its own


def _paths() -> list[list[str]]:
    """Every command, those of groups too."""
    found = []
    for name in BUILT:
        command = load(name)
        subs = command.commands if isinstance(command, click.Group) else {}
        found += [[name], *([name, sub] for sub in subs)]
    return found


@pytest.mark.parametrize("path", _paths(), ids=" ".join)
def test_help_runs_nothing(cli: Cli, path: list[str]) -> None:
    """Wherever -h stands; no daemon is asked or started, no file is made."""
    for args in ([*path, "--help"], [*path, "-h", "alice"], [*path, "alice", "x", "-h"]):
        done = cli.run(*args)
        assert (done.code, done.err) == (0, "") or _is_group(path, args, done.code), done
        assert list(cli.base.iterdir()) == []


def _is_group(path: list[str], args: list[str], code: int) -> bool:
    """`iapeer daemon alice -h`: a mistake is a mistake, and still runs nothing."""
    return path in (["daemon"], ["runtime"]) and args[-1] == "-h" and code == 2


def test_help_of_a_folder_launch_runs_nothing(cli: Cli, daemon: Daemon) -> None:
    """Of a runtime that is known by its file; -h of an unknown word asks nobody."""
    adapters = cli.base / "config" / "adapters"
    adapters.mkdir(parents=True)
    (adapters / "mine.toml").write_text("")
    done = cli.run("mine", "-h")
    assert done.code == 0 and "Usage: iapeer mine [--trust] [--json] [-- ARGS]" in done.out
    assert cli.run("other", "-h").code == 2
    assert daemon.table.asked == []


def test_the_overview_names_every_command(cli: Cli) -> None:
    """No argument at all shows it too, and --version is short."""
    done = cli.run("--help")
    assert all(f"\n  {name} " in done.out for name in COMMANDS)
    assert cli.run().out == done.out
    assert cli.run("--version").out == "iapeer 0.1.0\n"


def test_a_command_stands_in_the_file_of_its_name() -> None:
    """And says what it is called; the one file beside them is the folder launch, which has any runtime's name."""
    folder = REPO / "iapeer" / "cli" / "commands"
    assert {path.stem for path in folder.glob("[a-z]*.py")} == {
        name.replace("-", "_") for name in [*COMMANDS, "launch"]
    }
    assert [load(name).name for name in COMMANDS] == list(COMMANDS)


def test_command_names_are_reserved() -> None:
    """No peer may have the name of a command."""
    assert set(COMMANDS) <= RESERVED


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("lst", 2, "There is no command or runtime 'lst': did you mean list"),
        ("xyzzy", 2, "There is no command or runtime 'xyzzy': see `iapeer --help`."),
        ("list --jsn", 2, "See `iapeer list --help`."),
        ("show", 2, "Missing argument 'PEER': see `iapeer show --help`."),
        ("show Alice/..", 2, "'Alice/..' is not a peer name: `iapeer list` shows them."),
        ("show alcie", 3, "There is no peer 'alcie': did you mean alice?"),
        ("messge 1", 2, "did you mean message"),
        ("refersh alice", 2, "did you mean refresh"),
        ("set alice", 2, "Missing argument 'KEY=VALUE...'"),
        ("set alice idle_secs", 2, "'idle_secs' is not KEY=VALUE"),
        ("set alice =1", 2, "'=1' is not KEY=VALUE"),
        ("set alice a=1 a=2", 2, "'a' is given twice."),
        ("move alice", 2, "Missing argument 'DIR'"),
        ("runtime-add alice", 2, "Missing argument 'RUNTIME'"),
        ("message 1 --wait long", 2, "'long' is not one of"),
        ("compact --all alice", 2, "Name a peer or give --all"),
        ("stop", 2, "Name a peer or give --all"),
        ("stop alice --all", 2, "Name a peer or give --all"),
        ("wait alice dead", 2, "'dead' is not one of"),
        ("wait alice idle --timeout x", 2, "'x' is not a duration"),
        ("wait alice idle --timeout 1s", 4, "alice is not idle after 1 s."),
        ("message ..", 2, "'..' is not a name."),
        ("runtime", 2, "Missing command: see `iapeer runtime --help`."),
        ("attach alice", 2, "needs a terminal"),
        ("claude", 2, "needs a terminal"),
        ("verify", 1, None),
    ],
)
def test_mistakes(cli: Cli, daemon: Daemon, line: str, code: int, said: str | None) -> None:
    """One sentence on stderr, nothing on stdout, the right exit code."""
    daemon.on("GET /runtimes", {"runtimes": [answers.RUNTIME]})
    daemon.refuse("GET /peers/alcie", "unknown-peer", "There is no peer 'alcie': did you mean alice?", 3)
    daemon.refuse("GET /peers/alice/wait?state=idle&timeout_s=1.0", "timeout", "alice is not idle after 1 s.", 4, 504)
    problem = {"personality": "a", "level": "error", "path": "/a", "message": "gone"}
    daemon.on("GET /verify", {"problems": [problem]})
    done = cli.run(*line.split())
    assert done.code == code
    if said is not None:
        assert done.out == "" and done.err.count("\n") == 1
        assert done.err.startswith("iapeer: ") and said in done.err


def test_all_acts_on_all_and_names_who_failed(cli: Cli, daemon: Daemon) -> None:
    """Also the peers after the one that failed; the exit code is the failure's."""
    daemon.on("GET /peers", answers.fleet())
    daemon.refuse("POST /peers/alice/stop", "nope", "alice cannot be stopped.", 1)
    daemon.on("POST /peers/bob/stop", {**answers.VERB, "status": "stopped", "activity": None})
    done = cli.run("stop", "--all")
    assert (done.out, done.err, done.code) == ("bob is stopped\n", "iapeer: alice: alice cannot be stopped.\n", 1)
    results = cli.run("stop", "--all", "--json").json["results"]
    assert [one["personality"] for one in results] == ["alice", "bob"]
    assert results[0]["error"] == {"code": "nope", "message": "alice cannot be stopped.", "exit": 1}
    assert results[1]["status"] == "stopped"


def test_the_worst_exit_code_is_that_of_all(cli: Cli, daemon: Daemon) -> None:
    """Not the first one."""
    daemon.on("GET /peers", answers.fleet())
    daemon.refuse("POST /peers/alice/refresh", "nope", "No.", 1)
    daemon.refuse("POST /peers/bob/refresh", "nope", "Not so.", 3)
    done = cli.run("refresh", "--all")
    assert (done.code, done.err) == (3, "iapeer: alice: No.\niapeer: bob: Not so.\n")


def test_compact_all_wakes_nobody(cli: Cli, daemon: Daemon) -> None:
    """It means those that are live."""
    daemon.on("GET /peers", {"api": 1, "peers": [*answers.fleet()["peers"], answers.peer("carol")]})
    for name in ("alice", "bob"):
        daemon.on(f"POST /peers/{name}/compact", {**answers.VERB, "took_ms": 900})
    done = cli.run("compact", "--all")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == ["alice", "bob"]


def test_interrupt_all_means_the_busy_ones(cli: Cli, daemon: Daemon) -> None:
    """An idle peer has nothing to interrupt."""
    daemon.on("GET /peers", answers.fleet())
    daemon.on("POST /peers/alice/interrupt", answers.VERB)
    assert cli.run("interrupt", "--all").out == "alice is interrupted (idle)\n"


@pytest.mark.parametrize(
    "raw",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"HTTP/1.1 200 OK\r\n"],
    ids=["nothing", "garbage", "cut", "cut-head"],
)
def test_a_daemon_that_dies_while_answering(cli: Cli, daemon: Daemon, raw: bytes) -> None:
    """It is said so, with exit code 5 (an unreadable answer: 1), without a traceback."""
    daemon.on("GET /peers", raw)
    done = cli.run("list")
    assert done.code in (1, 5) and done.err.startswith("iapeer: The daemon ") and done.err.count("\n") == 1


def test_an_error_without_a_proper_body(cli: Cli, daemon: Daemon) -> None:
    """A proxy, a bug: the status is named."""
    daemon.on("GET /peers", b"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\noops")
    assert "no proper answer (HTTP 500)" in cli.run("list").err


def test_a_reader_that_goes_away_is_no_error(cli: Cli, daemon: Daemon) -> None:
    """`iapeer list | head -0`: quiet, 130."""
    daemon.on("GET /peers", {"api": 1, "peers": [answers.peer(f"p{n}") for n in range(3000)]})
    line = f"{sys.executable} -m iapeer list | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=cli.env, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_is_quiet(cli: Cli, daemon: Daemon) -> None:
    """No traceback, 130, on the short path and on the other."""

    def slow(_: object) -> tuple[int, Any]:
        time.sleep(5)
        return 200, {}

    for line, call in (("send alice hi", "POST /send"), ("list", "GET /peers")):
        daemon.on(call, slow)
        daemon.table.asked.clear()
        process = subprocess.Popen(
            [sys.executable, "-m", "iapeer", *line.split()], env=cli.env, stderr=subprocess.PIPE, text=True
        )
        _until_asked(daemon.table)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err.strip()) == (130, "")


def _until_asked(table: Table) -> None:
    deadline = time.monotonic() + 20
    while not table.asked:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_something_unexpected_is_one_sentence_too(cli: Cli, daemon: Daemon) -> None:
    """An answer without its fields is a bug; the traceback is there on demand."""
    daemon.on("GET /peers", {"surprise": 1})
    done = cli.run("list")
    assert (done.code, done.err) == (1, "iapeer: Unexpected KeyError: 'peers'; IAPEER_DEBUG=1 shows where.\n")
    assert "Traceback" in cli.run("list", env={"IAPEER_DEBUG": "1"}).err


def test_status_starts_nothing(cli: Cli) -> None:
    """Without a daemon it says so, and leaves no trace."""
    done = cli.run("status", "--json")
    store = str(cli.base / "state" / "iapeer.db")
    assert done.json == {"version": "0.1.0", "api": 1, "daemon": None, "store": store, "peers": {}, "inbox": {}}
    said = cli.run("status").out
    assert "not running" in said and "none" not in said  # what nobody has counted is not none
    assert not listens(cli.socket) and list(cli.base.iterdir()) == []


_PROBE = """
import sys
from iapeer.__main__ import command_line
try:
    command_line(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""


def _modules(cli: Cli, *args: str) -> set[str]:
    return set(cli.run(*args, python=("-c", _PROBE)).err.splitlines()[-1].split())


def test_send_is_light(cli: Cli, daemon: Daemon) -> None:
    """Every import here is paid a thousand times a day."""
    daemon.on("POST /send", answers.SENT)
    for line in ("send alice hi", "send alice hi --wait done --attach x --key k", "ask alice hi"):
        _is_light(_modules(cli, *line.split()))


def _is_light(loaded: set[str]) -> None:
    heavy = {"click", "argparse", "pathlib", "dataclasses", "typing", "tempfile", "hashlib", "inspect", "subprocess",
             "urllib.parse", "threading", "rich", "platformdirs", "pydantic", "iapeer.paths.layout",
             "datetime"}  # fmt: skip
    assert not loaded & heavy
    assert "iapeer.cli.quick" in loaded


def _file_of(name: str) -> str:
    return f"iapeer.cli.commands.{name.replace('-', '_')}"


def test_help_loads_no_command(cli: Cli) -> None:
    """The overview is a table; a command's help loads its own module and nothing that acts."""
    commands = {_file_of(name) for name in COMMANDS}
    assert not _modules(cli, "--help") & commands
    for args in (("list", "--help"), ("attach", "--help"), ("events", "--help")):
        loaded = _modules(cli, *args)
        assert len(loaded & commands) == 1
        assert not loaded & {"json", "socket", "pathlib", "subprocess", "shutil", "rich", "pydantic"}


def test_an_inbox_can_be_copied_from(cli: Cli, daemon: Daemon) -> None:
    """On a narrow terminal states and texts have lines of their own, and no id or time is folded."""
    ident = "01a1fec5-4c96-7baf-9b4d-3a39b0ea29dd"
    row = {**answers.ROW, "message": ident, "state": "expired", "reason": "expired"}
    row["created_ms"] = time.time_ns() // 10**6
    daemon.on("GET /peers/alice/inbox", {"rows": [row, {**row, "identity": "codex-alice"}], "more": 0})
    _, shown = cli.terminal("inbox", "alice", env={"COLUMNS": "80"})
    assert shown.count(ident) == 2 and re.search(r"29dd  \d\d:\d\d:\d\d ", shown)
    where = shown.splitlines()[shown.splitlines().index("    expired") - 1]
    assert where.startswith(ident) and "    hello there" in shown and max(map(len, shown.splitlines())) <= 80
    _, shown = cli.terminal("inbox", "alice", env={"COLUMNS": "120", "NO_COLOR": "1"})
    assert shown.startswith("ID  ")
    assert "codex" in cli.run("inbox", "alice").out and "expired: expired" not in cli.run("inbox", "alice").out


def test_a_list_has_folders_as_people_write_them(cli: Cli, daemon: Daemon) -> None:
    """With ~ for their home; for programs they are whole."""
    home = cli.env["HOME"]
    daemon.on("GET /peers", {"api": 1, "peers": [answers.peer("alice", cwd=f"{home}/work/shop")]})
    assert cli.run("list").out.splitlines()[1].endswith(" ~/work/shop")
    assert cli.run("list", "--json").json["peers"][0]["cwd"] == f"{home}/work/shop"


def test_the_terminal_gets_tables_without_raw_escapes(cli: Cli, daemon: Daemon) -> None:
    """Colours are ours; what stands in the data is shown as its code. NO_COLOR: as if piped."""
    evil = answers.peer("alice", cwd="/srv/\x1b]0;title\x07 [red]x[/red]")
    daemon.on("GET /peers", {"api": 1, "peers": [evil]})
    code, shown = cli.terminal("list")
    assert code == 0 and "\x1b[1m" in shown
    assert "\x1b]0" not in shown and "\\x1b]0;title\\x07 [red]x[/red]" in shown
    code, shown = cli.terminal("list", env={"NO_COLOR": "1"})
    assert "\x1b" not in shown and "alice  claude*  asleep" in shown


def test_a_broken_profile_is_still_listed(cli: Cli, daemon: Daemon) -> None:
    """With what is wrong with it."""
    broken = answers.peer("alice", runtimes=[], default_runtime=None, problem="bad JSON in line 3")
    daemon.on("GET /peers", {"api": 1, "peers": [broken]})
    listed = cli.run("list")
    assert "alice  -        broken  -" in listed.out and listed.err == "iapeer: alice: bad JSON in line 3\n"
    daemon.on("GET /peers/alice", {"peer": broken, "profile": None, "profile_path": "/p", "last_session": None})
    assert "problem       bad JSON in line 3" in cli.run("show", "alice").out
