"""The last words of a turn by its hooks: those of the turn that is asked about, and of no failed one."""

from __future__ import annotations

from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.records import Turn
from iapeer.sessions.hookwords import HookWords
from tests.harness import REPO

HOOKS = read_adapter(REPO / "adapters" / "claude.toml").hooks


def _after(*calls: tuple[str, int, str | None]) -> HookWords:
    """Claude Code's hooks by name, each with the time of its call and its last words."""
    assert HOOKS is not None
    words = HookWords(HOOKS)
    for name, now_ms, said in calls:
        words.note(HOOKS.events[name], {"session_id": "s1", "last_assistant_message": said}, now_ms)
    return words


def test_the_words_are_those_of_the_turn() -> None:
    """Told since it began; a prompt that was submitted later begins another."""
    stopped = _after(("UserPromptSubmit", 1, None), ("Stop", 5, "42"))
    assert stopped.of(Turn(open=True, opened=2)) == "42"
    assert stopped.of(Turn(open=True, opened=6)) is None
    assert stopped.of(Turn(open=True, opened=9, set_back=7)) == "42"
    assert _after(("Stop", 5, "42"), ("UserPromptSubmit", 7, None)).of(Turn(opened=2)) is None


def test_a_failed_turn_has_no_answer() -> None:
    """Its hook has the error as last words."""
    assert _after(("UserPromptSubmit", 1, None), ("StopFailure", 5, "API Error: 500")).of(Turn(opened=1)) is None
    assert _after(("Stop", 5, None)).of(Turn(opened=1)) is None


def test_without_hooks_nothing_is_told() -> None:
    """Whatever calls."""
    words = HookWords(None)
    words.note("turn-end", {"last_assistant_message": "42"}, 5)
    assert words.of(Turn()) is None
