"""Starting, ending and the faults that flags bring about; what the adapter says of the screens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iapeer.runtimes.binary import unchecked

from .conftest import Bares, Panes
from .driver import AGENT, Home, Pane, adapter, until


def run(home: Home, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*AGENT, *flags], env=home.env(), capture_output=True, text=True, check=False)


def known(here: Pane) -> list[str]:
    """The adapter's start-up dialogs that are on the screen."""
    screen = here.screen()
    return [dialog.name for dialog in adapter().dialogs if all(cue.search(screen) for cue in dialog.cues)]


def answer(here: Pane, name: str) -> None:
    """As an engine would: one key a look, only where the pointer stands as the step says."""
    until(lambda: known(here) == [name], here.screen)
    for step in next(dialog.steps for dialog in adapter().dialogs if dialog.name == name):
        until(lambda step=step: step.at.search(here.screen()), here.screen)  # type: ignore[misc]
        here.keys(step.key)


def test_version(home: Home) -> None:
    found = adapter().binary.version.search(run(home, "--version").stdout)
    assert found
    assert unchecked(adapter(), found["version"]) is None


@pytest.mark.parametrize("columns", [80, 200])
def test_ready(pane: Panes, home: Home, columns: int) -> None:
    """An empty composer with dim text in it, an idle state, and no transcript yet."""
    here = pane(columns=columns).ready()
    assert here.composer() == ""
    assert "\x1b[2m" in here.coloured()
    screen = here.screen()
    rules = [*adapter().screen.busy, *adapter().screen.dialog, *(rule.match for rule in adapter().screen.blocked)]
    assert not [rule for rule in rules if rule.search(screen)]
    state = home.state(here.pid)
    stat = Path(f"/proc/{here.pid}/stat").read_text().rsplit(")", 1)[1].split()
    assert (state["pid"], state["conversation"], state["status"]) == (here.pid, "c1", "idle")
    assert state["procStart"] == stat[19]
    assert abs(state["updatedMs"] / 1000 - time.time()) < 30
    assert not home.transcripts()


def test_timestamps_are_utc(bare: Bares, home: Home) -> None:
    bare().ready().type(b"hi\r")
    until(lambda: home.records())
    stamp = home.records()[0]["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()) < 30


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)])
def test_signals(bare: Bares, home: Home, number: signal.Signals, code: int) -> None:
    """A clean end: the state file goes."""
    here = bare().ready()
    here.met(lambda: home.state(here.process.pid))
    here.process.send_signal(number)
    assert here.ended() == code
    assert not home.state(here.process.pid)


def test_a_terminal_that_goes_ends_it(bare: Bares, home: Home) -> None:
    here = bare().ready()
    here.met(lambda: home.state(here.process.pid))
    os.close(here.master)
    here.master = os.open(os.devnull, os.O_RDONLY)
    assert here.process.wait(5) == 129
    assert not home.state(here.process.pid)


def test_resume(pane: Panes, home: Home) -> None:
    """The same conversation and file; earlier texts are shown."""
    first = pane().ready()
    first.say("remember the milk")
    first.recorded("user", "assistant", "turn_end")
    first.keys("C-c", "C-c")
    first.died()
    again = pane("--session-id=", "--resume", "c1").ready()
    again.shows("ECHO: remember the milk")
    again.say("more")
    again.recorded(*["user", "assistant", "turn_end"] * 2)
    assert home.state(again.pid)["conversation"] == "c1"


def test_sessions_that_cannot_start(home: Home) -> None:
    unknown = run(home, "--resume", "nope")
    assert (unknown.returncode, unknown.stdout) == (1, "No conversation found with session ID: nope\n")
    (home.path / "conversations").mkdir(parents=True)
    (home.path / "conversations" / "c1.jsonl").touch()
    assert run(home, "--session-id", "c1").returncode == 1
    assert run(home, "--bogus").returncode == 1


def test_text_before_readiness_is_mangled(pane: Panes, home: Home) -> None:
    """Bracketed paste is not on yet: the lines become Enters."""
    here = pane("--boot-delay", "0.4")
    here.shows("Starting")
    here.paste("one\ntwo")
    here.ready()
    until(lambda: home.texts("user") == ["one"], here.screen)
    assert b"\x1b[200~" not in home.tapped(here.pid)


def test_start_up_dialogs(pane: Panes, home: Home) -> None:
    """The adapter's rules get through both; there is no state file before the composer."""
    here = pane("--trust-dialog", "--danger-dialog", "--yolo")
    answer(here, "trust")
    assert not home.state(here.pid)
    answer(here, "bypass-warning")
    here.ready()
    here.shows("bypass permissions on")


@pytest.mark.parametrize(("flag", "key"), [("--trust-dialog", "Escape"), ("--danger-dialog", "Enter")])
def test_a_wrong_answer_leaves(pane: Panes, flag: str, key: str) -> None:
    here = pane(flag)
    here.shows("Enter to confirm")
    here.keys(key)
    assert here.died() == ("1", "")


def test_an_unknown_dialog_is_a_dialog_but_not_known(pane: Panes) -> None:
    here = pane("--unknown-dialog")
    here.shows("Enter to select")
    assert known(here) == []
    assert here.composer() is None
    assert adapter().screen.dialog[0].search(here.screen())
    here.keys("2")
    here.ready()


def test_login(pane: Panes, home: Home) -> None:
    """The composer is there, the footer says that it is of no use, and turns fail."""
    here = pane("--login").ready()
    rule = next(rule for rule in adapter().screen.blocked if rule.reason == "login")
    assert rule.match.search(here.screen())
    here.say("hi")
    here.recorded("user", "error")
    assert home.records()[1]["error"] == "login"


def test_swallowed_enters(pane: Panes, home: Home) -> None:
    here = pane("--swallow-enters", "2", "--draft", "text").ready()
    for _ in range(2):
        here.keys("Enter")
    here.keys("x")
    here.holds("textx")
    assert home.kinds() == []
    here.keys("Enter")
    here.recorded("user", "assistant", "turn_end")


def test_no_state_no_transcript(pane: Panes, home: Home) -> None:
    here = pane("--no-state", "--no-transcript")
    here.holds("")
    here.say("hi")
    here.shows("ECHO: hi")
    assert not home.state(here.pid)
    assert not home.transcripts()


def test_die_at_boot(bare: Bares) -> None:
    here = bare("--die-at-boot", "7")
    assert here.ended() == 7
    assert b"2004h" not in here.drain()


@pytest.mark.parametrize("columns", [80, 200])
def test_a_resize_redraws(pane: Panes, columns: int) -> None:
    """One composer, as wide as the screen, with the output still above it."""
    here = pane(columns=140, rows=40).ready()
    here.say("some words")
    here.shows("ECHO: some words")
    here.tmux("resize-window", "-t", "main", "-x", str(columns), "-y", "50")
    until(lambda: "\n" + "\u2500" * columns + "\n" in here.screen(), here.screen)
    here.holds("")
    assert "ECHO: some words" in here.screen()
    assert here.screen().count("\u276f\xa0") == 1


def test_output_scrolls_and_the_composer_stays(pane: Panes) -> None:
    """More output than the screen holds."""
    here = pane(rows=24, columns=80).ready()
    for number in range(12):
        here.say(f"message {number}")
        here.shows(f"ECHO: message {number}")
    here.holds("")
    assert here.screen().count("\u276f\xa0") == 1


def test_nothing_is_drawn_or_used_at_rest(bare: Bares) -> None:
    """No byte on the terminal and no CPU tick while nothing happens."""
    here = bare().ready()
    here.type(b"hi\r")
    here.met(lambda: b"ECHO: hi" in here.output)
    here.met(lambda: here.home.state(here.process.pid).get("status") == "idle")
    stat = Path(f"/proc/{here.process.pid}/stat")
    status = Path(f"/proc/{here.process.pid}/status")

    def used() -> tuple[list[str], list[str], int]:
        """CPU ticks, how often it was woken, bytes drawn."""
        wakes = [line for line in status.read_text().splitlines() if line.startswith("voluntary")]
        return stat.read_text().rsplit(")", 1)[1].split()[11:13], wakes, len(here.drain())

    def rests() -> bool:
        before = used()
        time.sleep(0.5)  # the time over which nothing may happen
        return used() == before

    until(rests, used)
