"""Every screen rule against captured screens of both versions (tmux 3.3a, 120 columns)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer.runtimes.ours import holds_ours
from iapeer.runtimes.screen import next_key, read_screen, start_dialog
from tests.unit.claude_adapter.texts import BLURRED, TYPED, message
from tests.unit.codex_adapter.conftest import ADAPTERS, EVERY, VERSIONS, captured, screen, table

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
    "cleared",
]
BUSY = ["busy_waiting", "busy_no_animation", "busy_before_dialog"]
DRAFTS = {
    "draft": "hello there",
    "draft_many_lines": "one\ntwo\nthree\n\nfive",
    "draft_slash": "/",
    "draft_high": "\n".join(f"line {number}" for number in range(56, 80)),
    "shell_mode": "!",
    "folded": "[Pasted Content 4000 chars]",
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
    "start_trust_down": ("trust", "Up", None),
    "start_login": ("login", None, "login"),
    "start_hooks": ("hooks-review", None, "question"),
    "start_resume_folder": ("resume-folder", None, "question"),
    "open_elsewhere": ("open-elsewhere", None, "question"),
}
OURS = {
    "ours": TYPED["pieces"],
    "ours_odd": TYPED["odd"],
    "ours_blurred": BLURRED["0.171.0"],
    "ours_high": message("\n".join(f"row {number:02} of the text" for number in range(40))),
    "folded": TYPED["long"],
}
ROWS = sorted({row for capture in captured(*MENUS, *STARTS, *BUSY) for row in screen(*capture).split("\n")})
ROWS += [" " * 200, "› ", "› high ↑", "  model · folder", "  " + "· " * 99, "!"]
COMPOSER = "\n".join(screen("0.171.0", "after_turn").rstrip().split("\n")[-4:])


def test_every_capture_is_tried() -> None:
    """Each state is in one of the tables."""
    assert {name for _, name in EVERY} == {*FREE, *BUSY, *DRAFTS, *MENUS, *STARTS, *OURS, "threads_list"}


@pytest.mark.parametrize(("version", "name"), captured(*FREE))
def test_an_empty_composer_is_free(version: str, name: str) -> None:
    """Nothing typed, no dialog, whatever stands in the output above; also while an answer streams."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", False, False, None)


@pytest.mark.parametrize(("version", "name"), captured(*FREE, *BUSY))
def test_no_screen_tells_that_the_agent_rests(version: str, name: str) -> None:
    """A streaming answer looks the same as none: the record alone tells."""
    assert not read_screen(ADAPTERS[version], screen(version, name)).at_rest


@pytest.mark.parametrize(("version", "name"), captured(*BUSY))
def test_the_working_row_means_busy(version: str, name: str) -> None:
    """While it is there; the composer is open all the same."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", True, False, None)


@pytest.mark.parametrize(("version", "name", "text"), table(DRAFTS.items()))
def test_a_draft_is_read(version: str, name: str, text: str) -> None:
    """One line, many, folded, higher than its place, a command, a shell line: never an empty composer."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (view.composer, view.dialog) == (text, False)


@pytest.mark.parametrize(("version", "name", "reason"), table(MENUS.items()))
def test_a_dialog_has_no_composer(version: str, name: str, reason: str) -> None:
    """Enter would answer it: there is nothing to type into, and the reason is told."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == (None, False, True, reason)


@pytest.mark.parametrize(("version", "name", "expected"), table(STARTS.items()))
def test_a_start_dialog_is_known(version: str, name: str, expected: tuple[str, str | None, str | None]) -> None:
    """Each is recognised, with the one key that fits where the pointer stands; it is never taken for a composer."""
    text = screen(version, name)
    view = read_screen(ADAPTERS[version], text)
    dialog = start_dialog(ADAPTERS[version], view.text)
    assert dialog is not None
    assert (dialog.name, next_key(dialog, view.text), dialog.blocked) == expected
    assert view.composer is None


@pytest.mark.parametrize(("version", "name"), sorted(EVERY))
def test_a_start_dialog_is_never_seen_elsewhere(version: str, name: str) -> None:
    """Only the captures of dialogs hold dialogs."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (start_dialog(ADAPTERS[version], view.text) is not None) is (name in STARTS)


@pytest.mark.parametrize(("version", "name", "text"), table(OURS.items()))
def test_our_text_is_recognised(version: str, name: str, text: str) -> None:
    """As it stands there, with letters that a terminal cannot show, higher than its place, folded after the paste.

    It is nobody else's: not that of another message (but for a placeholder), nor with a person's words beside it.
    """
    adapter = ADAPTERS[version]
    view = read_screen(adapter, screen(version, name))
    assert view.composer
    assert (view.dialog, view.busy) == (False, False)
    assert holds_ours(adapter, view, text)
    assert holds_ours(adapter, view, message("something else\nof two lines")) is (name == "folded")
    beside = [view.composer + " and more", *(["mine " + view.composer] if text.isascii() else [])]
    assert not any(holds_ours(adapter, replace(view, composer=typed), text) for typed in beside)


@pytest.mark.parametrize("version", VERSIONS)
def test_without_its_footer_it_is_no_composer(version: str) -> None:
    """A start shows one half a second before it asks for trust: the footer comes when nothing is left to ask."""
    drawn = screen(version, "ready").splitlines()
    last = max(number for number, line in enumerate(drawn) if "Ask Codex" in line)
    assert read_screen(ADAPTERS[version], "\n".join(drawn[: last + 1]) + "\n\n").composer is None


@pytest.mark.parametrize(("version", "name"), captured("threads_list"))
def test_the_list_of_threads_is_no_composer(version: str, name: str) -> None:
    """Left in an empty composer opens it: what is typed there would do something else."""
    assert read_screen(ADAPTERS[version], screen(version, name)).composer is None


@pytest.mark.parametrize(("version", "name"), captured(*MENUS, *STARTS))
def test_a_dialog_quoted_in_the_output_is_no_dialog(version: str, name: str) -> None:
    """What an agent prints of a dialog counts for nothing while the composer stands below it."""
    view = read_screen(ADAPTERS[version], f"{screen(version, name).rstrip()}\n\n{COMPOSER}")
    assert (view.composer, view.dialog, view.blocked) == ("", False, None)


@given(st.lists(st.sampled_from(ROWS), max_size=50))
@settings(deadline=None)
def test_no_rows_above_a_composer_are_a_dialog(rows: list[str]) -> None:
    """Pointers, hints and composers in any order: only the lowest composer counts, and what is below it."""
    for adapter in ADAPTERS.values():
        view = read_screen(adapter, "\n".join([*rows, "• done", "", COMPOSER]))
        assert (view.composer, view.dialog, view.blocked) == ("", False, None)


@given(st.lists(st.sampled_from(ROWS) | st.text("›↑· \x1b[0;27m\r\0]#+é…", max_size=40), max_size=50))
@settings(deadline=None)
def test_no_screen_is_too_much(rows: list[str]) -> None:
    """Whatever the rows, reading them says something and ends."""
    for adapter in ADAPTERS.values():
        view = read_screen(adapter, "\n".join(rows))
        start_dialog(adapter, view.text)
        assert view.composer or not holds_ours(adapter, view, TYPED["odd"])
