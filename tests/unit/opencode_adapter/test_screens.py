"""Every screen rule against captured screens (tmux 3.3a, 120 and 200 columns)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer.runtimes.ours import holds_ours
from iapeer.runtimes.screen import plain, read_screen
from tests.unit.claude_adapter.texts import TYPED, message
from tests.unit.opencode_adapter.conftest import ADAPTER, EVERY, screen

FREE = ["start", "ready", "ready_narrow", "compacted", "answered"]
BUSY = ["busy", "busy_again", "retrying"]
DRAFTS = {
    "draft": "a draft of mine",
    "draft_lines": "one\n┃  two",
    "draft_slash": "/one\n┃",
    "draft_at": "@READone\n┃",
    "folded": "[Pasted ~30 lines]",
}
DIALOGS = {"permission": "permission", "question": "question"}
NO_COMPOSER = ["commands", "models", "shell_mode"]
SIDEBAR = 160  # the column where it begins
ROWS = sorted({row for name in EVERY for row in screen(name).split("\n")})


def test_every_capture_is_tried() -> None:
    """Each state is in one of the tables."""
    assert {*FREE, *BUSY, *DRAFTS, *DIALOGS, *NO_COMPOSER} == EVERY


@pytest.mark.parametrize("name", FREE)
def test_an_empty_composer_is_free(name: str) -> None:
    """On the first screen and in a conversation, with and without a sidebar, whatever stands in the output above."""
    view = read_screen(ADAPTER, screen(name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", False, False, None)
    assert view.at_rest


@pytest.mark.parametrize("name", BUSY)
def test_the_footer_tells_that_it_is_busy(name: str) -> None:
    """Also once Escape was pressed, or while it waits to ask again; the composer is open all the same."""
    view = read_screen(ADAPTER, screen(name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", True, False, None)


@pytest.mark.parametrize(("name", "text"), DRAFTS.items())
def test_a_draft_is_read(name: str, text: str) -> None:
    """One line, two, folded, with the list of commands or files above it: never an empty composer."""
    view = read_screen(ADAPTER, screen(name))
    assert (view.composer, view.dialog) == (text, False)


@pytest.mark.parametrize(("name", "reason"), DIALOGS.items())
def test_a_dialog_has_no_composer(name: str, reason: str) -> None:
    """Enter would answer it: there is nothing to type into, and the reason is told."""
    view = read_screen(ADAPTER, screen(name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == (None, False, True, reason)


@pytest.mark.parametrize("name", NO_COMPOSER)
def test_what_takes_the_keys_instead_leaves_no_composer(name: str) -> None:
    """A menu over the conversation, although the composer stands below it; shell mode, where a text would be run."""
    assert read_screen(ADAPTER, screen(name)).composer is None


@pytest.mark.parametrize(("name", "text"), {"ready": "", "folded_wide": "[Pasted ~30 lines]"}.items())
def test_a_long_sidebar_is_no_text(name: str, text: str) -> None:
    """It stands beside every row of the composer."""
    drawn, _ = plain(screen("ready"))
    rows = [row.ljust(SIDEBAR - 1) + "• a thing to do" for row in drawn.split("\n")[:-1]]
    if text:
        last = max(at for at, row in enumerate(rows) if row.strip().startswith("╹"))
        rows[last - 3] = f"  ┃  {text}".ljust(SIDEBAR - 1) + "• a thing to do"
    assert read_screen(ADAPTER, "\n".join(rows)).composer == text


def test_a_folded_text_is_ours() -> None:
    """Alone; not beside a person's words, nor where their draft stands."""
    view = read_screen(ADAPTER, screen("folded"))
    assert holds_ours(ADAPTER, view, TYPED["pieces"])
    for name in ("draft", "draft_lines", "start"):
        assert not holds_ours(ADAPTER, read_screen(ADAPTER, screen(name)), message("something"))


@given(st.lists(st.sampled_from(ROWS) | st.text("┃╹▀·△ \x1b[0;27m\r\0]#+é…", max_size=40), max_size=50))
@settings(deadline=None)
def test_no_screen_is_too_much(rows: list[str]) -> None:
    """Whatever the rows, reading them says something and ends."""
    view = read_screen(ADAPTER, "\n".join(rows))
    assert view.composer or not holds_ours(ADAPTER, view, TYPED["odd"])
