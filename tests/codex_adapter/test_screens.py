"""Every screen pattern against captured screens (tmux 3.3a, 120 columns)."""

from __future__ import annotations

import pytest

from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.ours import holds_ours
from iapeer.runtimes.screen import next_key, read_screen, start_dialog
from tests.codex_adapter.conftest import HERE, screen

FREE = [
    "ready",
    "ready_bypass",
    "ready_plain",
    "after_turn",
    "streaming",
    "interrupted",
    "interrupted_early",
    "error_401",
    "quota",
    "compacted",
    "resumed",
    "permission_denied",
    "shortcuts",
    "shell_left",
]
BUSY = ["busy_waiting", "busy_no_animation", "busy_before_dialog"]
DRAFTS = {
    "draft": "hello there",
    "draft_many_lines": "one\ntwo\nthree\n\nfive",
    "draft_slash": "/",
    "draft_high": "\n".join(f"line {number}" for number in range(56, 80)),
    "shell_mode": "!",
    "folded": "[Pasted Content 1001 chars]",
}
MENUS = {
    "permission_exec": "permission",
    "permission_mcp": "permission",
    "model_menu": "question",
    "new_in_git": "question",
    "open_elsewhere": "question",
}
STARTS = {
    "start_trust": ("trust", "Enter", None),
    "start_login": ("login", None, "login"),
    "start_hooks": ("hooks-review", None, "question"),
    "start_resume_folder": ("resume-folder", None, "question"),
    "open_elsewhere": ("open-elsewhere", None, "question"),
}


@pytest.mark.parametrize("name", FREE)
def test_an_empty_composer_is_free(adapter: Adapter, name: str) -> None:
    """Nothing typed, no dialog, whatever stands in the output above; also while an answer streams."""
    view = read_screen(adapter, screen(name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", False, False, None)


@pytest.mark.parametrize("name", [*FREE, *BUSY])
def test_no_screen_tells_that_the_agent_rests(adapter: Adapter, name: str) -> None:
    """A streaming answer looks the same as none: the record alone tells."""
    assert not read_screen(adapter, screen(name)).at_rest


@pytest.mark.parametrize("name", BUSY)
def test_the_working_row_means_busy(adapter: Adapter, name: str) -> None:
    """While it is there; the composer is open all the same."""
    view = read_screen(adapter, screen(name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", True, False, None)


@pytest.mark.parametrize(("name", "text"), DRAFTS.items())
def test_a_draft_is_read(adapter: Adapter, name: str, text: str) -> None:
    """One line, many, folded, higher than its place, a command, a shell line: never an empty composer."""
    view = read_screen(adapter, screen(name))
    assert (view.composer, view.dialog) == (text, False)


@pytest.mark.parametrize(("name", "reason"), MENUS.items())
def test_a_dialog_has_no_composer(adapter: Adapter, name: str, reason: str) -> None:
    """Enter would answer it: there is nothing to type into, and the reason is told."""
    view = read_screen(adapter, screen(name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == (None, False, True, reason)


@pytest.mark.parametrize(("name", "expected"), STARTS.items())
def test_a_start_dialog_is_known(adapter: Adapter, name: str, expected: tuple[str, str | None, str | None]) -> None:
    """Each is recognised, with the one key that fits where the pointer stands; it is never taken for a composer."""
    text = screen(name)
    view = read_screen(adapter, text)
    dialog = start_dialog(adapter, view.text)
    assert dialog is not None
    assert (dialog.name, next_key(dialog, view.text), dialog.blocked) == expected
    assert view.composer is None


@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "screens").glob("*.txt")))
def test_a_start_dialog_is_never_seen_elsewhere(adapter: Adapter, name: str) -> None:
    """Only the captures of dialogs hold dialogs."""
    assert (start_dialog(adapter, read_screen(adapter, screen(name)).text) is not None) is (name in STARTS)


@pytest.mark.parametrize("name", ["ours", "ours_high", "folded"])
def test_our_text_is_recognised(adapter: Adapter, name: str) -> None:
    """As it stands there, higher than its place, or folded after the paste."""
    view = read_screen(adapter, screen(name))
    assert view.composer
    assert holds_ours(adapter, view, f"<iap ...>\n{view.composer}\n")
    assert not (view.dialog or view.busy)


def test_a_draft_is_not_ours(adapter: Adapter) -> None:
    """Somebody's text before the placeholder makes it a draft."""
    view = read_screen(adapter, screen("folded").replace("[Pasted", "b[Pasted"))
    assert view.composer == "b[Pasted Content 1001 chars]"
    assert not holds_ours(adapter, view, "<iap a>\nx\n</iap>\n")


def test_without_its_footer_it_is_no_composer(adapter: Adapter) -> None:
    """A start shows one half a second before it asks for trust: the footer comes when nothing is left to ask."""
    drawn = screen("ready").splitlines()
    last = max(number for number, line in enumerate(drawn) if "Ask Codex" in line)
    assert read_screen(adapter, "\n".join(drawn[: last + 1]) + "\n\n").composer is None


def test_a_dialog_quoted_in_the_output_is_no_dialog(adapter: Adapter) -> None:
    """What an agent prints of a dialog counts for nothing while the composer stands below it."""
    quoted = screen("permission_exec").rstrip() + "\n\n" + "\n".join(screen("streaming").rstrip().splitlines()[-4:])
    view = read_screen(adapter, quoted)
    assert (view.composer, view.dialog, view.blocked) == ("", False, None)
