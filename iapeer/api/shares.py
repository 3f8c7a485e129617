"""The limit on requests at work of one session, on the socket and the port together."""

from __future__ import annotations

from collections import Counter

from iapeer.model.errors import Refused

MOST = 32  # requests of one session that are worked on at once


class TooMany(Refused):
    """The session has its share already."""

    http_status = 429


class Shares:
    """Counts the requests at work of each session. The operator has no limit: nobody else may shut them out."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._at_work: Counter[str] = Counter()

    def take(self, session: str) -> None:
        """Count one more request; TooMany when the session has as many as it may."""
        if self._at_work.get(session, 0) >= self._most:
            raise TooMany(
                f"This session has {self._most} requests at work already, the limit: end some of those that wait.",
                code="too-many-requests",
            )  # fmt: skip
        self._at_work[session] += 1

    def give_back(self, session: str) -> None:
        """Count one less."""
        self._at_work[session] -= 1
        if not self._at_work[session]:
            del self._at_work[session]
