"""Every screen rule against captured screens of both versions (tmux 3.3a, 120 columns)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iapeer.runtimes.ours import holds_ours
from iapeer.runtimes.screen import next_key, read_screen, start_dialog
from tests.unit.claude_adapter.conftest import ADAPTERS, EVERY, VERSIONS, captured, screen, table
from tests.unit.claude_adapter.texts import BLURRED, TYPED, message, slow

FREE = [
    "ready", "ready_accept_edits", "ready_auto", "ready_bypass", "ready_plan", "resumed", "shortcuts",
    "after_turn", "after_agent", "after_cron", "background_shell", "compacted", "daemon_down", "tall_cleared",
    "interrupted", "interrupted_tool", "refused_stop", "peer_message",
    "error_400", "error_401", "error_429", "error_500", "error_529",
    "quota_escaped", "quota_waits", "quota_continued",
]  # fmt: skip
BUSY = [
    "busy_waiting", "busy_streaming", "busy_tool", "busy_retry", "busy_queued", "busy_queued_tool",
    "busy_background_agent",
]  # fmt: skip
NO_LOGIN = ["not_logged_in", "not_logged_in_after"]
DIALOGS = {
    "permission_bash": "permission",
    "permission_bash_many": "permission",
    "permission_edit": "permission",
    "permission_write": "permission",
    "permission_web": "permission",
    "permission_mcp": "permission",
    "permission_read": "permission",
    "permission_plan": "permission",
    "permission_exit_plan": "permission",
    "permission_no_judge": "permission",
    "permission_judged_no": "permission",
    "held_message": "permission",
    "question": "question",
    "question_down": "question",
    "question_many": "question",
    "question_multi": "question",
    "model_menu": "question",
    "quota": "quota",
    "login_menu": "login",
}
STARTS = {
    "start_trust_runs": "trust",
    "start_api_key": "api-key",
    "start_theme": "first-start",
    "login_menu": "login",
    "start_mcp_server": "project-mcp-server",
    "start_mcp_server_down": "project-mcp-server",
    "start_mcp_servers": "project-mcp-servers",
    "start_mcp_servers_down": "project-mcp-servers",
    "start_trust": "trust",
    "start_trust_down": "trust",
    "start_bypass": "bypass-warning",
    "start_bypass_down": "bypass-warning",
    "start_auto_default": "auto-mode-default",
    "start_auto_default_down": "auto-mode-default",
    "start_fullscreen": "fullscreen-offer",
    "start_fullscreen_down": "fullscreen-offer",
}
# With the pointer as it is first, and after Down: the key that chooses nothing but what is wanted.
KEYS = [
    ("2.1.197", "start_trust", "Enter", "Down"),
    ("2.1.332", "start_trust", "Down", "Enter"),
    ("2.1.197", "start_bypass", "Down", "Enter"),
    ("2.1.332", "start_bypass", "Down", "Enter"),
    ("2.1.332", "start_auto_default", "Down", "Enter"),
    ("2.1.332", "start_fullscreen", "Down", "Enter"),
]
BLOCKING = {"api-key": "login", "first-start": "login", "login": "login"}
BLOCKING |= {"project-mcp-server": "question", "project-mcp-servers": "question"}
OURS = {
    "folded": TYPED["folded"],
    "busy_folded": TYPED["folded"],
    "picture_and_folded": TYPED["picture"],
    "refused_exit2": TYPED["mixed"],
    "refused_block": TYPED["mixed"],
    "fullscreen_tall": TYPED["tall"],
    "typed_blurred": BLURRED["2.1.197"],
}
OURS |= {f"typed_{name}": TYPED[name] for name in ("pieces", "mixed", "long", "odd", "tall", "tall_glyph")}
OURS |= {f"restored_{name}": slow(TYPED[name]) for name in ("folded", "pieces", "mixed", "long", "odd", "tall")}
DRAFTS = {
    "draft": "and now something of mine",
    "draft_shell": "ls",
    "draft_slash": "/",
    "draft_at": "see @n",
    "draft_picture": "[Image #1]look at this",
    "draft_before_folded": "b[Pasted text #2 +8 lines]",
    "draft_after_folded": "[Pasted text #1 +8 lines]b",
}
# Rows that tell something, of every dialog and of the composers, for screens that the program never showed.
ROWS = sorted({row for capture in captured(*DIALOGS, *STARTS, *BUSY) for row in screen(*capture).split("\n")})
ROWS += ["─" * 120, "▔" * 120, " " * 200, "❯\xa0", "❯\xa0" + "x" * 198, "✻ " + "…" * 190, "─── ↑ 46 more " + "─" * 80]
COMPOSER = "\n".join(screen("2.1.332", "after_turn").rstrip().split("\n")[-4:])


def test_every_capture_is_tried() -> None:
    """Each state is in one of the tables; which of them quota_again is in differs by version."""
    tables = [*FREE, *BUSY, *NO_LOGIN, *DIALOGS, *STARTS, *OURS, *DRAFTS, "no_connection", "agents_view", "quota_again"]
    assert {name for _, name in EVERY} == set(tables)


@pytest.mark.parametrize(("version", "name"), [*captured(*FREE), ("2.1.197", "quota_again")])
def test_an_empty_composer_is_free(version: str, name: str) -> None:
    """Nothing typed but a hint, no work, no dialog, whatever stands in the output above or in the footer below."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == ("", False, False, None)
    assert view.at_rest


@pytest.mark.parametrize(("version", "name"), captured(*BUSY))
def test_work_shows(version: str, name: str) -> None:
    """The spinner shows with the composer below it, also when the footer says something else."""
    for text in (screen(version, name), screen(version, name).replace("esc to interrupt", "paste again to expand")):
        view = read_screen(ADAPTERS[version], text)
        assert (view.composer, view.busy, view.dialog, view.blocked) == ("", True, False, None)


@pytest.mark.parametrize(("version", "name"), captured(*NO_LOGIN))
def test_a_session_without_login_says_so(version: str, name: str) -> None:
    """Its composer is empty and free, but nothing typed there would be answered."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (view.composer, view.dialog, view.blocked, view.dismiss) == ("", False, "login", None)


@pytest.mark.parametrize(("version", "name", "reason"), [*table(DIALOGS.items()), ("2.1.332", "quota_again", "quota")])
def test_a_dialog_has_no_composer(version: str, name: str, reason: str) -> None:
    """Enter would answer it: there is nothing to type into, and the reason is told. Only a usage limit's is closed."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (view.composer, view.busy, view.dialog, view.blocked) == (None, False, True, reason)
    assert view.dismiss == ("Escape" if reason == "quota" else None)


@pytest.mark.parametrize(("version", "name", "dialog"), table(STARTS.items()))
def test_a_start_dialog_is_known(version: str, name: str, dialog: str) -> None:
    """Each is recognised, with why it waits for a person; it is never taken for a composer."""
    text = screen(version, name)
    seen = start_dialog(ADAPTERS[version], text)
    assert seen is not None
    assert (seen.name, seen.blocked) == (dialog, BLOCKING.get(dialog))
    assert next_key(seen, text) is None or not seen.blocked
    assert read_screen(ADAPTERS[version], text).composer is None


@pytest.mark.parametrize(("version", "name", "key", "after_down"), KEYS)
def test_the_key_follows_the_pointer(version: str, name: str, key: str, after_down: str) -> None:
    """Enter only on what is wanted, whichever option comes first; numbered or not."""
    for text, wanted in ((screen(version, name), key), (screen(version, f"{name}_down"), after_down)):
        dialog = start_dialog(ADAPTERS[version], text)
        assert dialog is not None
        assert next_key(dialog, text) == wanted


@pytest.mark.parametrize("version", VERSIONS)
def test_bypass_is_accepted_only_where_it_was_asked_for(version: str) -> None:
    """The warning is answered under the bypass permission alone."""
    assert [dialog.name for dialog in ADAPTERS[version].dialogs if dialog.only_with] == ["bypass-warning"]


@pytest.mark.parametrize(("version", "name"), sorted(EVERY))
def test_a_start_dialog_is_never_seen_elsewhere(version: str, name: str) -> None:
    """Only the captures of dialogs hold dialogs."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (start_dialog(ADAPTERS[version], view.text) is not None) is (name in STARTS)


@pytest.mark.parametrize(("version", "name", "text"), table(OURS.items()))
def test_our_text_is_recognised(version: str, name: str, text: str) -> None:
    """Folded, in pieces, both, higher than the screen, put back by Escape or a hook, with letters it cannot show.

    It is nobody else's: not that of another message, nor with a person's words before or after it. A placeholder alone
    may be anybody's: what we say stands beside it.
    """
    adapter = ADAPTERS[version]
    view = read_screen(adapter, screen(version, name))
    if name.startswith("refused_") and version == "2.1.197":  # it does not put back what a hook refused
        assert view.composer == ""
        return
    assert view.composer
    assert (view.dialog, view.busy) == (False, name.startswith("busy_"))
    assert adapter.typing.placeholder
    shown = "".join(view.composer.split())
    alone = not adapter.typing.placeholder.sub("", shown)
    assert holds_ours(adapter, view, text) is not alone
    assert not holds_ours(adapter, view, message("something else\nof two lines"))
    beside = [view.composer + " and more", *(["mine " + view.composer] if text.isascii() else [])]
    assert not any(holds_ours(adapter, replace(view, composer=typed), text) for typed in beside)


@pytest.mark.parametrize(("version", "name", "text"), table(DRAFTS.items()))
def test_a_draft_is_not_ours(version: str, name: str, text: str) -> None:
    """A person's words, alone or beside what we pasted, are theirs; a list below them is no dialog."""
    view = read_screen(ADAPTERS[version], screen(version, name))
    assert (view.composer, view.dialog, view.busy) == (text, False, False)
    assert not any(holds_ours(ADAPTERS[version], view, ours) for ours in TYPED.values())


@pytest.mark.parametrize(("version", "name"), captured("no_connection"))
def test_no_connection_is_no_composer(version: str, name: str) -> None:
    """The preflight of a first start without a network: nothing to type into."""
    assert read_screen(ADAPTERS[version], screen(version, name)).composer is None


@pytest.mark.parametrize(("version", "name"), captured("agents_view"))
def test_the_list_of_sessions_is_not_free(version: str, name: str) -> None:
    """Its composer, where Enter starts another session, is never an empty one."""
    assert read_screen(ADAPTERS[version], screen(version, name)).composer != ""


@pytest.mark.parametrize(("version", "name"), captured(*DIALOGS, *STARTS))
def test_a_dialog_quoted_in_the_output_is_no_dialog(version: str, name: str) -> None:
    """What an agent prints of one counts for nothing while the composer stands below it."""
    view = read_screen(ADAPTERS[version], f"{screen(version, name).rstrip()}\n\n{COMPOSER}")
    assert (view.composer, view.dialog, view.blocked) == ("", False, None)


@given(st.lists(st.sampled_from(ROWS), max_size=50))
@example(["─" * 120, "❯\xa0somebody's words", "─" * 120])
@settings(deadline=None)
def test_no_rows_above_a_composer_are_a_dialog(rows: list[str]) -> None:
    """Pointers, rules, hints and composers in any order: only the lowest composer counts, and what is below it."""
    for adapter in ADAPTERS.values():
        view = read_screen(adapter, "\n".join([*rows, "● done", COMPOSER]))
        assert (view.composer, view.dialog, view.blocked) == ("", False, None)


@given(st.lists(st.sampled_from(ROWS) | st.text("─❯\xa0 \x1b[0;27m\r\0[]#+é…", max_size=40), max_size=50))
@settings(deadline=None)
def test_no_screen_is_too_much(rows: list[str]) -> None:
    """Whatever the rows, reading them says something and ends."""
    for adapter in ADAPTERS.values():
        view = read_screen(adapter, "\n".join(rows))
        start_dialog(adapter, view.text)
        assert view.composer or not holds_ours(adapter, view, TYPED["odd"])
