"""Where a command is called from: streams, home, folder, terminal and words that are not as usual."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iapeer.model.errors import Failed
from iapeer.paths.layout import layout
from iapeer.paths.sockets import home
from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon

FULL = "It is done, but the output cannot be written (No space left on device)"


@pytest.fixture
def fleet(cli: Cli, daemon: Daemon) -> Cli:
    """Commands that are answered."""
    daemon.on("GET /peers", answers.fleet())
    daemon.on("POST /send", answers.SENT)
    daemon.on("POST /peers/alice/stop", answers.VERB)
    return cli


def _shell(cli: Cli, line: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """What bash makes of a line; `iapeer` in it is ours."""
    line = f'iapeer() {{ "{sys.executable}" -m iapeer "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", line], env={**cli.env, **env}, cwd=cwd or cli.base, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("command", ["send alice hi", "list", "stop alice"])
@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [(">&-", 0, ""), ("2>&-", 0, ""), ("<&- >&- 2>&-", 0, ""), ("2>/dev/full", 0, ""), (">/dev/full", 1, FULL)],
)
def test_streams_may_be_closed_or_full(
    fleet: Cli, daemon: Daemon, command: str, streams: str, code: int, said: str
) -> None:
    """The work is done, once; what could not be written is no success, and one sentence."""
    done = _shell(fleet, f"iapeer {command} {streams}")
    assert (done.returncode, said in done.stderr, done.stderr.count("\n")) == (code, True, code), done.stderr
    assert len(daemon.table.asked) == 1


def test_a_reader_that_leaves_early_is_no_error(fleet: Cli) -> None:
    """As other tools: quiet, and no success."""
    done = _shell(fleet, "iapeer list --json | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("130\n", "")


def test_closed_standard_input_has_no_text(fleet: Cli, daemon: Daemon) -> None:
    """Not an empty one."""
    done = _shell(fleet, "iapeer send alice -f - <&-")
    assert (done.returncode, done.stderr.startswith("iapeer: Standard input is closed")) == (2, True)
    assert daemon.table.asked == []


@pytest.mark.parametrize(
    ("command", "said"),
    [("init", "This folder is gone: give '.' from the root."), ("send alice x --attach y", "give 'y' from the root"),
     ("list", None)],
)  # fmt: skip
def test_the_folder_may_be_gone(fleet: Cli, command: str, said: str | None) -> None:
    """Only what needs it says so."""
    done = _shell(fleet, f"mkdir gone; cd gone; rmdir ../gone; iapeer {command}", PYTHONSAFEPATH="1")
    assert (done.returncode, done.stderr.count("\n")) == ((0, 0) if said is None else (2, 1)), done.stderr
    assert (said or "") in done.stderr


# ---- the home


def test_a_relative_home_is_refused(cli: Cli) -> None:
    """By one sentence, before anything is made, in whichever folder that would be."""
    env = {"HOME": "rel", "IAPEER_ROOT": "", "IAPEER_TEST_SANDBOX": ""}
    done = cli.run("list", env=env)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "HOME is 'rel', which is no path from the root" in done.err
    assert not (cli.base / "rel").exists()


def test_without_home_the_system_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or HOME has to be set: a user may have none."""
    import pwd

    assert home({}) == home({"HOME": ""}) == pwd.getpwuid(os.getuid()).pw_dir
    monkeypatch.setattr(os, "getuid", lambda: 54377)
    with pytest.raises(Failed, match="set HOME"):
        home({})


def test_a_relative_place_of_xdg_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its specification wants."""
    env = {"HOME": "/h", "XDG_STATE_HOME": "s", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "d"}
    for name in ("IAPEER_ROOT", "IAPEER_SOCK_DIR", "IAPEER_TEST_SANDBOX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    place, darwin = layout(), "/h/Library/Application Support/iapeer"
    on_darwin = sys.platform == "darwin"
    assert str(place.state) == (darwin if on_darwin else "/h/.local/state/iapeer")
    assert str(place.config) == (darwin if on_darwin else "/c/iapeer")
    assert str(place.data) == (darwin if on_darwin else "/h/.local/share/iapeer")


# ---- terminals


@pytest.mark.parametrize(
    ("term", "said"),
    [("no-such-terminal", "TERM=no-such-terminal names a terminal that cannot show"), ("dumb", "TERM=dumb names"),
     ("", "TERM is not set")],
)  # fmt: skip
@pytest.mark.parametrize("command", ["attach alice", "claude"])
def test_a_terminal_that_shows_no_session(fleet: Cli, daemon: Daemon, command: str, term: str, said: str) -> None:
    """Said before anything is woken, with a command that works."""
    daemon.on("GET /runtimes", {"runtimes": [answers.RUNTIME]})
    code, shown = fleet.terminal(*command.split(), env={"TERM": term})
    assert code == 2 and shown.count("\n") == 1
    assert said in shown and f"`TERM=xterm-256color iapeer {command}`" in shown
    assert [asked.method for asked in daemon.table.asked if asked.method == "POST"] == []


def test_what_tmux_says_of_a_terminal_is_put_in_words(fleet: Cli, daemon: Daemon) -> None:
    """It may know fewer terminals than this Python; what else it says is passed on."""
    for line, code, said in (
        ("open terminal failed: missing or unsuitable terminal: xterm", 2, "TERM=xterm names a terminal"),
        ("no sessions", 1, "iapeer: no sessions\n"),
    ):
        argv = ["sh", "-c", f"echo {line} >&2; exit 1"]
        daemon.on("POST /peers/alice/attach", {"identity": "a", "session": "s1", "woke": True, "argv": argv})
        done, shown = fleet.terminal("attach", "alice")
        assert (done, said in shown) == (code, True), shown


@pytest.mark.parametrize("columns", ["0", "1", "-1", "many"])
def test_any_width_will_do(fleet: Cli, columns: str) -> None:
    """Nonsense in COLUMNS is no error."""
    code, shown = fleet.terminal("list", env={"COLUMNS": columns, "TERM": "xterm"})
    assert code == 0 and "iapeer:" not in shown


# ---- words that are not UTF-8


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("init", "The folder '{base}/caf\\udce9' is not UTF-8: rename it first."),
        ("init / --name $BAD", "The name 'caf\\udce9' is not UTF-8"),
        ("create bob --description $BAD", "The description 'caf\\udce9' is not UTF-8"),
        ("send alice hi --topic $BAD", "The topic 'caf\\udce9' is not UTF-8: write it in UTF-8."),
        ("send alice hi --attach $BAD", "The path 'caf\\udce9' is not UTF-8: rename it first."),
        ("send $BAD hi", "The peer name 'caf\\udce9' is not UTF-8"),
        ("set alice description=$BAD", "The description 'caf\\udce9' is not UTF-8"),
        ("move alice $BAD", "/caf\\udce9' is not UTF-8: rename it first."),
        ("answer alice $BAD", "The text 'caf\\udce9' is not UTF-8"),
        ("events --peer $BAD", "The peer 'caf\\udce9' is not UTF-8"),
        ("message $BAD", "'caf\\udce9' is not a name"),
        ("claude --json", "The folder '{base}/caf\\udce9' is not UTF-8: rename it first."),
    ],
)
def test_words_that_are_not_utf8_are_named(fleet: Cli, daemon: Daemon, command: str, said: str) -> None:
    """JSON cannot carry them: the refusal says which it is, and nothing is sent."""
    daemon.on("GET /runtimes", {"runtimes": [answers.RUNTIME]})
    daemon.on("GET /runtimes/claude", {**answers.RUNTIME, "binary": "/bin/claude"})
    (fleet.base / "caf\udce9").mkdir()
    done = _shell(fleet, f"BAD=$(printf 'caf\\xe9'); cd $BAD; iapeer {command}", PYTHONSAFEPATH="1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert said.format(base=fleet.base) in done.stderr
    assert [asked.line for asked in daemon.table.asked if asked.method != "GET"] == []


def test_a_root_that_is_not_utf8_is_refused(cli: Cli) -> None:
    """Its paths stand in answers."""
    done = cli.run("list", env={"IAPEER_ROOT": str(cli.base / "caf\udce9")})
    assert done.code == 1 and "IAPEER_ROOT" in done.err and "is not UTF-8" in done.err
    assert list(cli.base.iterdir()) == []


def test_output_in_any_encoding(fleet: Cli, daemon: Daemon) -> None:
    """What the encoding cannot say is shown as its code."""
    daemon.on("POST /send", {**answers.ANSWERED, "reply": {**answers.REPLY, "body": "Grüße ✓"}})
    done = fleet.run("ask", "alice", "hi", env={"PYTHONIOENCODING": "ascii"})
    assert (done.code, done.out) == (0, "Gr\\xfc\\xdfe \\u2713\n")


def test_a_name_may_be_given(cli: Cli, daemon: Daemon) -> None:
    """For a folder whose own name is none, or is taken."""
    daemon.on("POST /peers", answers.made(answers.peer("api-2"), created=True))
    assert cli.run("init", "--name", "api-2").code == 0
    assert daemon.table.asked[0].body == {"dir": str(cli.base), "create": False, "name": "api-2"}
