"""The last words of a turn by its hook: those of the turn that is asked about."""

from __future__ import annotations

from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.records import Turn
from iapeer.sessions.hookwords import HookWords
from tests.harness import REPO

RULES = read_adapter(REPO / "adapters" / "claude.toml").settings


def _after(*calls: tuple[int, object]) -> HookWords:
    """Claude Code's hook, each call with its time and its last words."""
    words = HookWords(RULES)
    for now_ms, said in calls:
        words.note({"session_id": "s1", "last_assistant_message": said}, now_ms)
    return words


def test_the_words_are_those_of_the_turn() -> None:
    """Told since it began, and the last that were."""
    stopped = _after((5, "42"))
    assert stopped.of(Turn(open=True, opened=2)) == "42"
    assert stopped.of(Turn(open=True, opened=6)) is None
    assert stopped.of(Turn(open=True, opened=9, set_back=7)) == "42"
    assert _after((5, "42"), (7, "43")).of(Turn(opened=2)) == "43"
    assert _after((5, None)).of(Turn(opened=1)) is None


def test_without_a_hook_nothing_is_told() -> None:
    """Whatever calls."""
    words = HookWords(None)
    words.note({"last_assistant_message": "42"}, 5)
    assert words.of(Turn()) is None
