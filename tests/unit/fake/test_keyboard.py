"""The composer, keys and pastes: what a real terminal does, down to the break-out."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Bares, Panes
from .driver import Home, adapter, until

PASTE = b"\x1b[200~%s\x1b[201~"


def test_a_paste_and_enter_become_a_turn(pane: Panes, home: Home) -> None:
    """The text arrives byte for byte, and the echo and the turn's end are recorded."""
    text = 'one\ntwo  "three" \u00e9 \u6f22 \U0001f600\ttab'
    here = pane().ready()
    here.say(text)
    here.recorded("user", "assistant", "turn_end")
    assert home.texts("user") == [text]
    assert home.texts("assistant") == [f"ECHO: {text}"]
    assert home.tapped(here.pid) == PASTE % text.encode() + b"\r"
    here.holds("")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\nc", "a\n  b\n  c"),
        ("a\nb\nc\nd", "[Pasted text #1 +3 lines]"),
        ("x" * 801, "[Pasted text #1]"),
    ],
)
def test_long_pastes_are_folded(pane: Panes, home: Home, text: str, shown: str) -> None:
    """Folding is display only: what is submitted is whole."""
    here = pane().ready()
    here.paste(text)
    here.holds(shown)
    placeholder = adapter().typing.placeholder
    assert placeholder
    assert bool(placeholder.fullmatch("".join(shown.split()))) is shown.startswith("[")
    here.keys("Enter")
    until(lambda: home.texts("user") == [text], here.screen)


def test_800_characters_are_not_folded_and_wrap(pane: Panes) -> None:
    """The composer's lines are as wide as the screen allows; none is lost."""
    here = pane(columns=80).ready()
    here.paste("y" * 800)
    until(lambda: (here.composer() or "").count("y") == 800, here.screen)


def test_a_large_paste_arrives_whole(pane: Panes, home: Home) -> None:
    """100 KB of many reads."""
    text = "\n".join(f"line {number} {'z' * 50}" for number in range(1700))
    here = pane().ready()
    here.say(text)
    until(lambda: home.texts("user") == [text])


def test_a_slow_reader_gets_everything(pane: Panes, home: Home) -> None:
    """64 bytes at a time: the paste's markers are cut anywhere."""
    text = "\n".join(f"line {number}" for number in range(60))
    here = pane("--read-delay", "0.002").ready()
    here.say(text)
    until(lambda: home.texts("user") == [text], here.screen)


def test_a_raw_paste_breaks_out(pane: Panes, home: Home, tmp_path: Path) -> None:
    """An unsanitised ESC[201~ ends the paste, and the rest runs a shell command: the danger is real here."""
    here = pane().ready()
    here.paste(f"hello\x1b[201~\r!touch {tmp_path}/owned\r")
    until((tmp_path / "owned").exists, here.screen)
    until(lambda: "bash" in home.kinds())
    assert home.texts("user") == ["hello"]
    assert [record["command"] for record in home.records() if record["type"] == "bash"] == [f"touch {tmp_path}/owned"]


def test_a_raw_paste_with_ctrl_c_kills(pane: Panes) -> None:
    here = pane().ready()
    here.paste("hello\x1b[201~\x03\x03")
    assert here.died() == ("0", "")


def test_without_framing_every_line_is_an_enter(pane: Panes, home: Home) -> None:
    """paste-buffer without -p: three lines, two turns and a rest."""
    here = pane().ready()
    here.tmux("set-buffer", "-b", "u", "one\ntwo\nrest")
    here.tmux("paste-buffer", "-b", "u", "-t", "main")
    until(lambda: home.texts("user") == ["one", "two"], here.screen)
    here.holds("rest")


def test_enter_in_the_read_of_the_paste_is_lost(bare: Bares, home: Home) -> None:
    """The text stays in the composer; a second Enter submits it."""
    here = bare().ready()
    here.type(PASTE % b"text" + b"\r")
    here.met(lambda: "\u276f\xa0text".encode() in here.output)
    assert home.kinds() == []
    here.type(b"\r")
    here.met(lambda: home.texts("user") == ["text"])


def test_enter_in_the_read_of_the_paste_can_be_kept(bare: Bares, home: Home) -> None:
    here = bare("--no-lose-enter-in-same-read").ready()
    here.type(PASTE % b"text" + b"\r")
    here.met(lambda: home.texts("user") == ["text"])


def test_fake_args_are_flags_too(bare: Bares, home: Home) -> None:
    here = bare(FAKE_ARGS="--no-lose-enter-in-same-read --no-turn-end").ready()
    here.type(PASTE % b"text" + b"\r")
    here.met(lambda: home.kinds() == ["user", "assistant"])


@pytest.mark.parametrize("keys", [("C-u",), ("Escape", "Escape"), ("C-c",)])
def test_the_composer_is_cleared(pane: Panes, keys: tuple[str, ...]) -> None:
    here = pane("--draft", "half a thought").ready()
    here.holds("half a thought")
    for key in keys:
        here.keys(key)
    here.holds("")


@pytest.mark.parametrize("key", ["C-c", "C-d"])
def test_twice_exits(pane: Panes, home: Home, key: str) -> None:
    """Once arms only; a clean exit removes the state file and says how to resume."""
    here = pane().ready()
    here.keys(key)
    here.shows(f"Press Ctrl-{key[-1].upper()} again to exit")
    here.keys(key)
    assert here.died() == ("0", "")
    assert not home.state(here.pid)
    assert "--resume c1" in here.screen()


def test_an_armed_key_is_forgotten(pane: Panes) -> None:
    here = pane().ready()
    here.keys("C-c")
    here.shows("again to exit")
    here.shows("? for shortcuts")
    here.keys("C-c")
    here.shows("again to exit")
    assert here.show("pane_dead") == "0"


@pytest.mark.parametrize("text", ["ends with \\", "see @some/path"])
def test_an_edge_swallows_enter(pane: Panes, home: Home, text: str) -> None:
    """As in Claude: a trailing backslash or @path keeps the text in the composer; a trailing newline helps."""
    here = pane().ready()
    here.say(text)
    here.keys("Enter")
    until(lambda: home.texts("user"), here.screen)
    here.say(text + "\n")
    until(lambda: home.texts("user")[1:] == [text + "\n"], here.screen)
    assert home.texts("user")[0] != text


def test_spaces_are_not_submitted(pane: Panes, home: Home) -> None:
    here = pane().ready()
    here.keys("Space", "Enter")
    here.keys("x", "Enter")
    until(lambda: home.texts("user") == [" x"])


def test_backspace_takes_a_character_or_a_folded_paste(pane: Panes) -> None:
    here = pane().ready()
    here.paste("a\nb\nc\nd")
    here.keys("x")
    here.holds("[Pasted text #1 +3 lines]x")
    here.keys("BSpace", "BSpace")
    here.holds("")


def test_commands(pane: Panes, home: Home) -> None:
    """/compact is recorded, /clear makes a new conversation with a file of its own, an unknown word is said so."""
    here = pane().ready()
    here.say("first")
    here.recorded("user", "assistant", "turn_end")
    here.say("/compact")
    here.recorded("user", "assistant", "turn_end", "compact")
    here.say("/nonsense")
    here.shows("Unknown command: /nonsense")
    here.say("/clear")
    until(lambda: home.state(here.pid)["conversation"] != "c1")
    here.say("/etc/passwd is a file")
    until(lambda: len(home.transcripts()) == 2, here.screen)
    conversation = home.state(here.pid)["conversation"]
    until(lambda: [record["text"] for record in home.records(conversation)[:1]] == ["/etc/passwd is a file"])
    here.say("/exit")
    assert here.died() == ("0", "")


def test_control_characters_never_reach_the_terminal(pane: Panes) -> None:
    """A pasted escape is kept in the text, but not drawn."""
    here = pane().ready()
    here.paste("a\x1b[31mb\x07\x9bc")
    until(lambda: (here.composer() or "").startswith("a[31mb"), here.screen)
