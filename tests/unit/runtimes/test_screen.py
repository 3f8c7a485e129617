"""Reading a screen: what is typed in the composer, what is a hint, what is mere output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.model.envelope import Envelope, wire
from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.ours import holds_ours
from iapeer.runtimes.screen import View, next_key, plain, read_screen, start_dialog
from tests.harness import REPO

FAKE = read_adapter(REPO / "fixtures" / "fake.toml")
CLAUDE = read_adapter(REPO / "adapters" / "claude.toml")
RULE = "─" * 40
GHOST = '\x1b[2mTry "how does this work?"\x1b[0m'


def _screen(typed: str, footer: str = "  ? for shortcuts", above: str = "● Hello\n") -> str:
    return f"{above}{RULE}\n❯\xa0{typed}\n{RULE}\n{footer}\n\n\n"


def _view(captured: str) -> View:
    return read_screen(FAKE, captured)


@pytest.mark.parametrize(
    ("captured", "text", "dim"),
    [
        ("abc", "abc", "..."),
        ("a\x1b[2mb\x1b[0mc", "abc", ".x."),
        ("a\x1b[2mb\x1b[mc", "abc", ".x."),
        ("a\x1b[2mb\x1b[22mc", "abc", ".x."),
        ("\x1b[1;2mb\x1b[1mc", "bc", "xx"),
        ("\x1b[0;2mb\x1b[2;0mc", "bc", "x."),
        ("\x1b[38;5;2ma\x1b[48;5;2mb", "ab", ".."),
        ("\x1b[38;2;2;2;2ma\x1b[2;38;5;2mb", "ab", ".x"),
        ("\x1b[48;2;0;2;0;2ma", "a", "x"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1b[?25lc\x1b(Bd\x0e\x0f", "abcd", "...."),
        ("\x1b[2ma\x1b[31mb\x1b[39mc", "abc", "xxx"),
        ("\x1b[7mR\x1b[0;2mes\x1b[0m", "Res", "xxx"),
        ("\x1b[7mR\x1b[27;2mes\x1b[0m", "Res", "xxx"),
        ("\x1b[7mRe\x1b[0;2ms\x1b[0m", "Res", "..x"),
        ("\x1b[7mR\x1b[0mes", "Res", "..."),
        ("\x1b[48;5;7mR\x1b[0;2mes", "Res", ".xx"),
        ("ab\x1b[7mc\x1b[0;2m\n\x1b[0m", "abc\n", "...x"),
    ],
)
def test_dim_text_is_told_from_colours(captured: str, text: str, dim: str) -> None:
    """SGR 2 is dim until 0 or 22; a 2 inside a colour's numbers is none; other escapes vanish. A cursor of one reversed
    cell on the first letter of dim text is dim as well."""
    found, faint = plain(captured)
    assert (found, "".join(".x"[flag] for flag in faint)) == (text, dim)


@given(st.text(alphabet="ab\x1b[]0123;m2?\x07\\\n─❯", max_size=80))
def test_every_character_has_its_flag(captured: str) -> None:
    """Whatever is captured: as many flags as characters, and a view can be read."""
    text, dim = plain(captured)
    assert len(text) == len(dim)
    _view(captured)


@pytest.mark.parametrize(
    ("typed", "composer"),
    [
        (GHOST, ""),
        ("", ""),
        ("half a thought", "half a thought"),
        ("one\n  two", "one\ntwo"),
        ("\x1b[38;5;2mgreen\x1b[0m", "green"),
        ("typed \x1b[2mhint\x1b[0m", "typed"),
    ],
)
def test_a_hint_in_the_composer_is_no_input(typed: str, composer: str) -> None:
    """Dim text is left out; coloured text is not."""
    assert _view(_screen(typed)).composer == composer


def test_the_last_composer_counts() -> None:
    """The same lines above, in the agent's output, are a look-alike: neither input, nor busy, nor a dialog."""
    fake = (
        f"{RULE}\n❯\xa0a draft that nobody typed\n{RULE}\n  esc to interrupt\n"
        " Do you want to proceed?\n\n ❯ 1. Yes\n   2. No\n\n Esc to cancel\n  Not logged in · Run /login\n"
    )
    view = _view(_screen(GHOST, above=fake))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", False, False, None)


def test_what_stands_below_the_composer_counts() -> None:
    """The footer is live: a login, a quota and a turn are read there."""
    assert _view(_screen(GHOST, "  Not logged in · Run /login")).blocked == "login"
    assert _view(_screen(GHOST, "  Usage limit reached · resets 1700000000")).blocked == "quota"
    assert _view(_screen(GHOST, "  esc to interrupt")).busy
    assert not _view(_screen(GHOST)).busy


def test_a_dialog_takes_the_composers_place() -> None:
    """No composer, a dialog, and why it blocks."""
    view = _view(f"{RULE}\n Do you want to proceed?\n\n ❯ 1. Yes\n   2. No\n\n Esc to cancel\n\n")
    assert (view.composer, view.dialog, view.blocked) == (None, True, "permission")


def test_start_dialogs_need_all_their_cues_and_the_pointer() -> None:
    """A text that only quotes a dialog is none; the key is that of the step whose position is seen."""
    footer = " Enter to confirm · Esc to cancel\n"
    trust = f" Is this a folder you trust?\n\n ❯ 1. Yes, I trust this folder\n   2. No, exit\n\n{footer}"
    danger = " Fake Agent running in Bypass Permissions mode\n\n {} 1. No, exit\n {} 2. Yes, I accept\n\n" + footer
    assert start_dialog(FAKE, trust + "more output\n") is None
    assert start_dialog(FAKE, footer) is None
    found = start_dialog(FAKE, trust)
    assert found is not None
    assert (found.name, next_key(found, trust)) == ("trust", "Enter")
    assert next_key(found, trust.replace("❯ 1", "  1").replace("  2", "❯ 2")) is None
    found = start_dialog(FAKE, danger.format("❯", " "))
    assert found is not None
    assert next_key(found, danger.format("❯", " ")) == "Down"
    assert next_key(found, danger.format(" ", "❯")) == "Enter"


@pytest.mark.parametrize(
    ("held", "ours"),
    [
        ("[Pasted text #1 +5 lines]", True),
        ("[Pasted text #12]", True),
        ("[Pasted text #1] and more", False),
        ("hello", True),
        ("hel lo", True),
        ("<iap>\nhello", True),
        ("the tail: hello", False),
        ("hello!", False),
        ("", False),
        (None, False),
        ("lo", False),
    ],
)
def test_ours_is_a_placeholder_or_our_tail(held: str | None, ours: bool) -> None:
    """Exactly one placeholder, or the end of what we pasted, white space aside; a short tail may be a coincidence."""
    whole = FAKE.model_copy(update={"typing": FAKE.typing.model_copy(update={"pieces": None})})
    view = View(text="", composer=held, busy=False, dialog=False, blocked=None)
    text = "<iap>\n  hello\n" if held and held != "hello" and held != "hel lo" else "hello\n"
    assert holds_ours(whole, view, text) is ours


OURS = wire(Envelope("1", "bob", "codex", "artificial", "a body\nof lines"))
HEAD, _, REST = OURS.partition("\n<message>")
THEIRS = wire(Envelope("1", "operator", "shell", "natural", "look [Pasted text #1 +5 lines] there\nand here"))


@pytest.mark.parametrize(
    ("held", "ours"),
    [
        (HEAD + "[Pasted text #1 +3 lines]", True),
        (HEAD + "[Pas\nted text #1 +3 lin\nes]", True),
        (HEAD[20:] + " [Pasted text #1 +3 lines]", True),
        (HEAD + "\n[Pasted text #1]\nof lines]]></message></iap>", True),
        (HEAD + "[Image #1][Pasted text #2 +3 lines]", True),
        (OURS, True),
        ("[Pasted text #1 +3 lines]", False),
        ("[Image #1]", False),
        (HEAD + "[Pasted text #1 +3 lines] and more", False),
        ("and " + HEAD + "[Pasted text #1 +3 lines]", False),
        ("iap. [Pasted text #1 +3 lines]", False),
        (HEAD[20:] + HEAD + "[Pasted text #1 +3 lines]", False),
    ],
)
def test_a_peers_message_is_ours_with_placeholders_for_what_is_folded(held: str, ours: bool) -> None:
    """In the order of what we pasted, from its beginning or from far enough on, and nothing else."""
    assert holds_ours(CLAUDE, View(text="", composer=held, busy=False, dialog=False, blocked=None), OURS) is ours


@pytest.mark.parametrize(
    ("held", "ours"),
    [
        (THEIRS, True),
        (THEIRS[:60] + "[...Truncated text #1 +9 lines...]" + THEIRS[-30:], True),
        (THEIRS[: THEIRS.index(" there")], False),  # its pieces have arrived so far
        ("[Pasted text #9 +40 lines]", False),
        ("[Image #1]", False),
    ],
)
def test_the_operators_message_is_never_folded(held: str, ours: bool) -> None:
    """A placeholder is somebody else's, or part of its text, and its end must show."""
    assert holds_ours(CLAUDE, View(text="", composer=held, busy=False, dialog=False, blocked=None), THEIRS) is ours


@pytest.mark.parametrize(("held", "ours"), [("/compact", True), ("ompact", False), ("[Image #1]", False)])
def test_a_command_is_ours_whole(held: str, ours: bool) -> None:
    """It is too short for its tail to tell."""
    assert holds_ours(CLAUDE, View(text="", composer=held, busy=False, dialog=False, blocked=None), "/compact") is ours


def test_declared_transforms_are_taken_into_account() -> None:
    """What the program turns a tab into is still ours."""
    adapter = FAKE.model_copy(update={"typing": FAKE.typing.model_copy(update={"transforms": [["\t", " -> "]]})})
    view = View(text="", composer="first -> second", busy=False, dialog=False, blocked=None)
    assert holds_ours(adapter, view, "first\tsecond\n")
    assert not holds_ours(FAKE, view, "first\tsecond\n")


def test_what_has_no_width_does_not_count() -> None:
    """A terminal drops or merges it: the composer never shows a zero-width space."""
    view = View(text="", composer="look at e\u0301 this", busy=False, dialog=False, blocked=None)
    assert holds_ours(FAKE, view, "look\u200b at \u202ae\u0301 th\u200d\u00adis\ufeff\n")
    assert not holds_ours(FAKE, view, "look\u200b at \u202ae\u0301 that\n")


def test_the_tail_is_one_short_line() -> None:
    """For people: the last written lines, without frames and escapes, at most 160 characters."""
    view = _view("x" * 300 + f"\n\x1b[31mfatal:\x1b[0m   no\n{RULE}\n\n")
    assert view.tail().endswith("x / fatal: no")
    assert len(view.tail()) == 160
    assert "\n" not in view.tail()


ODD = "look 👍🏽 at 🫨 this 👩🏾‍💻 and 1112 \u1112\u1161\u11ab cafe\u0301 end\n"


@pytest.mark.parametrize(
    ("held", "ours"),
    [
        ("look 👍 at  this 👩 and 1112 한 café end", True),
        ("look 👍🏽 at    this 👩‍💻 and 1112 한 cafe\u0301 end", True),
        ("look 👍 at this 👩 an 1112 한 café end", True),  # a cell overwritten beside an odd one
        ("look 👍 at this 👩 and 1112 한 café end!", False),
        ("you 👍 at  this 👩 and ten other words 한 café end", False),
        ("café end", True),
        ("e end and look at this", False),
    ],
)
def test_what_a_terminal_shows_of_odd_characters_is_ours(held: str, ours: bool) -> None:
    """Tones, joined heads and new symbols are lost, accents composed, neighbours overwritten; the end is sound."""
    assert holds_ours(FAKE, View(text="", composer=held, busy=False, dialog=False, blocked=None), ODD) is ours
