"""How much of the daemon one session may take: so many requests at work, over both doors together."""

from __future__ import annotations

from collections import Counter

from iapeer.model.errors import Refused

MOST = 32  # requests of one session that are worked on at once


class TooMany(Refused):
    """The session has its share already."""

    http_status = 429


class Shares:
    """The requests that are worked on, by session. The operator has no share: nobody else may shut them out."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._at_work: Counter[str] = Counter()

    def take(self, session: str) -> None:
        """One more is worked on; TooMany when there is no room for it."""
        if self._at_work.get(session, 0) >= self._most:
            raise TooMany(
                f"This session has {self._most} requests at work already, the limit: end some of those that wait.",
                code="too-many-requests",
            )  # fmt: skip
        self._at_work[session] += 1

    def give_back(self, session: str) -> None:
        """One less is."""
        self._at_work[session] -= 1
        if not self._at_work[session]:
            del self._at_work[session]
