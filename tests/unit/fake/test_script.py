"""The words in a message that steer the agent."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from iapeer.model.envelope import Envelope, decode, wire

from .conftest import Panes
from .driver import Home, Pane, adapter, alive, until


def blocked(here: Pane) -> list[str]:
    screen = here.screen()
    return [rule.reason for rule in adapter().screen.blocked if rule.match.search(screen)]


def found(patterns: list[re.Pattern[str]], screen: str) -> bool:
    return any(pattern.search(screen) for pattern in patterns)


def test_slow_is_busy_and_input_queues(pane: Panes, home: Home) -> None:
    """Text typed meanwhile is queued, and enters as a turn of its own, in order."""
    here = pane().ready()
    here.say("@@SLOW 1.2@@")
    here.status("busy")
    here.shows("esc to interrupt")
    here.shows("Roosting\u2026 (1s)")
    assert found(adapter().screen.busy, here.screen())
    here.say("second")
    here.recorded("user", "enqueue")
    here.shows("Press up to edit queued messages")
    assert here.composer() == ""
    here.recorded("user", "enqueue", "assistant", "turn_end", "queued", "assistant", "turn_end")
    assert home.texts("queued") == ["second"]
    here.status("idle")
    until(lambda: not found(adapter().screen.busy, here.screen()))


def test_busy_is_seen_while_text_is_in_the_composer(pane: Panes) -> None:
    """As in Claude, the footer's words go then: only the spinner tells."""
    here = pane().ready()
    here.say("@@SLOW 60@@")
    here.status("busy")
    here.keys("h", "i")
    here.holds("hi")
    assert "esc to interrupt" not in here.screen()
    assert found(adapter().screen.busy, here.screen())


def test_escape_interrupts_and_the_queue_goes_on(pane: Panes) -> None:
    here = pane().ready()
    here.say("@@SLOW 60@@")
    here.status("busy")
    here.say("next")
    here.recorded("user", "enqueue")
    here.keys("Escape")
    here.recorded("user", "enqueue", "interrupted", "queued", "assistant", "turn_end")


def test_a_silent_interrupt_writes_nothing_and_puts_the_text_back(pane: Panes) -> None:
    here = pane("--silent-interrupt").ready()
    here.say("@@SLOW 60@@")
    here.status("busy")
    here.keys("Escape")
    here.holds("@@SLOW 60@@")
    here.status("idle")
    here.recorded("user")


@pytest.mark.parametrize(
    ("key", "records"),
    [
        ("Enter", ["user", "approved", "assistant", "turn_end"]),
        ("Escape", ["user", "rejected", "interrupted"]),
        ("2", ["user", "rejected", "interrupted"]),
    ],
)
def test_dialog(pane: Panes, home: Home, key: str, records: list[str]) -> None:
    """A permission dialog: no composer, a pointer; Enter approves, and pasted text is dropped."""
    here = pane().ready()
    here.say("@@DIALOG@@")
    here.shows("Do you want to proceed?")
    here.status("waiting")
    assert home.state(here.pid)["waitingFor"] == "permission prompt"
    assert here.composer() is None
    assert blocked(here) == ["permission"]
    assert found(adapter().screen.dialog, here.screen())
    here.paste("dropped")
    here.keys(key)
    here.recorded(*records)
    here.status("idle")
    assert "waitingFor" not in home.state(here.pid)
    here.holds("")


def test_error_ends_the_turn(pane: Panes, home: Home) -> None:
    here = pane().ready()
    here.say("@@ERROR it broke@@")
    here.recorded("user", "error")
    assert home.records()[1]["error"] == "api"
    assert home.texts("error") == ["it broke"]


def test_quota_holds_until_its_time(pane: Panes, home: Home) -> None:
    """The footer says so, further turns fail, and after the reset they do not."""
    here = pane().ready()
    reset = int(time.time()) + 2
    here.say(f"@@QUOTA {reset}@@")
    here.recorded("user", "error")
    until(lambda: blocked(here) == ["quota"])
    record = home.records()[1]
    assert (record["error"], record["reset"]) == ("quota", reset)
    pattern = next(rule.reset for rule in adapter().transcript.records if rule.reset)
    for text in (record["text"], f'{{"error": "quota", "reset": {reset}}}'):
        reading = pattern.search(text)
        assert reading
        assert int(reading["epoch"]) == reset
    until(lambda: blocked(here) == [])
    here.say("again")
    here.recorded("user", "error", "user", "assistant", "turn_end")


@pytest.mark.parametrize("code", [0, 3])
def test_exit(pane: Panes, home: Home, code: int) -> None:
    here = pane().ready()
    here.say(f"@@EXIT {code}@@")
    assert here.died() == (str(code), "")
    assert not home.state(here.pid)


def test_crash_leaves_the_state_file(pane: Panes, home: Home) -> None:
    here = pane().ready()
    here.say("@@CRASH@@")
    assert here.died() == ("", "9")
    assert home.state(here.pid)["status"] == "busy"


def test_shell_leaves_the_agent(pane: Panes) -> None:
    """The process is a shell now: the foreground command shows it."""
    here = pane().ready()
    assert adapter().binary.foreground.search(here.show("pane_current_command"))
    here.say("@@SHELL@@")
    until(lambda: here.show("pane_current_command") in ("sh", "dash", "bash"), here.screen)
    assert not adapter().binary.foreground.search(here.show("pane_current_command"))


@pytest.mark.parametrize("columns", [80, 200])
def test_lookalikes_in_the_scrollback_do_not_count(pane: Panes, columns: int) -> None:
    """The reply holds a composer, a draft, a spinner, a login footer and a dialog; the real ones stay true."""
    here = pane(columns=columns).ready()
    here.say("@@LOOKALIKE@@")
    here.recorded("user", "assistant", "turn_end")
    here.shows("a draft that nobody typed")
    here.holds("")
    screen = here.screen()
    assert "1. Yes" in screen
    assert not blocked(here)
    assert not found(adapter().screen.dialog + adapter().screen.busy, screen)
    here.say("@@LOOKALIKE@@ @@DIALOG@@")
    here.status("waiting")
    until(lambda: here.composer() is None, here.screen)
    assert blocked(here) == ["permission"]


def test_tool_runs_in_its_own_session(pane: Panes, home: Home, tmp_path: Path) -> None:
    """The turn waits for it; a SIGKILL of the agent leaves it running."""
    here = pane().ready()
    here.say("@@TOOL true@@")
    here.recorded("user", "assistant", "turn_end")
    here.say(f"@@TOOL echo $$ > {tmp_path}/pid; exec sleep 600@@")
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    tool = int((tmp_path / "pid").read_text())
    try:
        assert os.getsid(tool) == tool
        here.status("busy")
        os.kill(here.pid, signal.SIGKILL)
        assert here.died() == ("", "9")
        assert alive(tool)
    finally:
        os.kill(tool, signal.SIGKILL)


def test_bg_ends_the_turn_but_not_the_work(pane: Panes) -> None:
    here = pane().ready()
    here.say("@@BG 1@@")
    here.recorded("user", "assistant", "turn_end")
    here.status("shell")
    here.holds("")
    here.status("idle")


def test_say_in_an_envelope(pane: Panes, home: Home) -> None:
    """The message's own words steer, and the record decodes to the message that was typed."""
    message = Envelope("1", "bob", "fake", "artificial", 'please @@SAY forty "two"@@')
    here = pane().ready()
    here.say(wire(message))
    here.recorded("user", "assistant", "turn_end")
    assert home.texts("assistant") == ['forty "two"']
    assert decode(home.texts("user")[0]) == message


def test_words_follow_each_other(pane: Panes) -> None:
    here = pane().ready()
    here.say("@@SLOW 0.1@@ @@DIALOG@@ @@SLOW 0.1@@ @@ERROR late@@")
    here.status("waiting")
    here.keys("1")
    here.recorded("user", "approved", "error")
