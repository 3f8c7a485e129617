"""Every screen pattern against captured screens (tmux 3.3a, 120 and 200 columns)."""

from __future__ import annotations

import pytest

from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.ours import holds_ours
from iapeer.runtimes.screen import next_key, read_screen, start_dialog
from tests.claude_adapter.conftest import HERE, screen

FREE = [
    "ready",
    "ready_bypass",
    "after_turn",
    "background_shell",
    "interrupted",
    "error_529",
    "error_401",
    "resumed",
    "compacted",
    "daemon_down",
    "restored_tall_cleared",
]
BUSY = ["busy_waiting", "busy_streaming", "busy_tool", "busy_retry", "busy_queued_escapes"]
MENUS = {
    "permission_bash": "permission",
    "permission_write": "permission",
    "permission_plan": "permission",
    "question": "question",
    "model_menu": "question",
    "quota": "quota",
    "login_menu": "login",
}
STARTS = {
    "start_trust": ("trust", "Enter", None),
    "start_bypass": ("bypass-warning", "Down", None),
    "start_bypass_down": ("bypass-warning", "Enter", None),
    "start_api_key": ("api-key", None, "login"),
    "start_theme": ("first-start", None, "login"),
    "login_menu": ("login", None, "login"),
    "start_mcp_server": ("project-mcp-server", None, "question"),
}
OURS = ["folded", "folded_escapes", "restored", "restored_truncated", "restored_tall", "restored_top_row"]


@pytest.mark.parametrize("name", FREE)
def test_an_empty_composer_is_free(adapter: Adapter, name: str) -> None:
    """Nothing typed, no work, no dialog, whatever stands in the output above."""
    view = read_screen(adapter, screen(name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", False, False, None)


@pytest.mark.parametrize("name", BUSY)
def test_work_shows(adapter: Adapter, name: str) -> None:
    """The spinner shows with the composer below it, also when the footer says something else."""
    view = read_screen(adapter, screen(name))
    assert view.busy
    assert (view.composer is not None, view.dialog, view.blocked) == (True, False, None)


@pytest.mark.parametrize(("name", "reason"), MENUS.items())
def test_a_dialog_has_no_composer(adapter: Adapter, name: str, reason: str) -> None:
    """Enter would answer it: there is nothing to type into, and the reason is told."""
    view = read_screen(adapter, screen(name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == (None, False, True, reason)


@pytest.mark.parametrize(("name", "expected"), STARTS.items())
def test_a_start_dialog_is_known(adapter: Adapter, name: str, expected: tuple[str, str | None, str | None]) -> None:
    """Each is recognised, with the one key that fits where the pointer stands; it is never taken for a composer."""
    text = screen(name)
    dialog = start_dialog(adapter, text)
    assert dialog is not None
    assert (dialog.name, next_key(dialog, text), dialog.blocked) == expected
    assert read_screen(adapter, text).composer is None


def test_bypass_is_accepted_only_where_it_was_asked_for(adapter: Adapter) -> None:
    """The warning is answered under the bypass permission alone."""
    assert [dialog.name for dialog in adapter.dialogs if dialog.only_with] == ["bypass-warning"]


@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "screens").glob("*.txt")))
def test_a_start_dialog_is_never_seen_elsewhere(adapter: Adapter, name: str) -> None:
    """Only the captures of dialogs hold dialogs."""
    assert (start_dialog(adapter, read_screen(adapter, screen(name)).text) is not None) is (name in STARTS)


@pytest.mark.parametrize("name", OURS)
def test_our_text_is_recognised(adapter: Adapter, name: str) -> None:
    """Folded after the paste; unfolded, cut in its middle or higher than the screen after an interrupt."""
    view = read_screen(adapter, screen(name))
    assert view.composer
    wire = "<iap ...>\n" + "".join(view.composer.splitlines(keepends=True)) + "\n"
    assert holds_ours(adapter, view, wire)
    assert not (view.dialog or view.busy)


def test_a_draft_is_not_ours(adapter: Adapter) -> None:
    """Somebody's text before the placeholder makes it a draft."""
    view = read_screen(adapter, screen("folded").replace("[Pasted", "b[Pasted"))
    assert view.composer == "b[Pasted text #1 +5 lines]"
    assert not holds_ours(adapter, view, "<iap a>\nx\n</iap>\n")


def test_a_session_without_login_says_so(adapter: Adapter) -> None:
    """Its composer is empty and free, but nothing typed there would be answered."""
    view = read_screen(adapter, screen("not_logged_in"))
    assert (view.composer, view.dialog, view.blocked) == ("", False, "login")


def test_a_dialog_quoted_in_the_output_is_no_dialog(adapter: Adapter) -> None:
    """What an agent prints of a dialog counts for nothing while the composer stands below it."""
    quoted = screen("permission_bash").rstrip() + "\n\n" + "\n".join(screen("ready").splitlines()[-4:])
    view = read_screen(adapter, quoted)
    assert (view.composer, view.dialog, view.blocked) == ("", False, None)


def test_no_connection_is_no_composer(adapter: Adapter) -> None:
    """The preflight of a first start without a network: nothing to type into."""
    assert read_screen(adapter, screen("no_connection")).composer is None
