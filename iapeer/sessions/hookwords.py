"""What a turn was answered, by the hook at its end: for where the record of that comes late, or never."""

from __future__ import annotations

from typing import Any

from iapeer.runtimes.adapter import SettingsFile
from iapeer.runtimes.records import Turn, dig


class HookWords:
    """The last words of the turn that ended last, as the session's hook tells them."""

    def __init__(self, rules: SettingsFile | None) -> None:
        self._path = rules.answer if rules else None
        self._words: str | None = None
        self._called_ms = 0

    def note(self, payload: dict[str, Any], now_ms: int) -> None:
        """Take notice of a turn's good end in this session."""
        words = dig(payload, self._path) if self._path is not None else None
        self._words, self._called_ms = words if isinstance(words, str) else None, now_ms

    def of(self, turn: Turn) -> str | None:
        """The last words of this turn; None while the hook has told none since it began."""
        return self._words if self._called_ms >= turn.opened - turn.set_back else None
