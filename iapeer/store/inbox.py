"""The durable inbox: every message to a peer is a row here, and this is how it gets from state to state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from iapeer.model.names import split_identity
from iapeer.model.states import FINAL, State, allowed
from iapeer.store.errors import IllegalStep, StaleLease
from iapeer.store.messages import Intake
from iapeer.store.queries import AHEAD, ALL, EXPIRED, HELD_OF, QUEUED_OF, RELEASED, SET_BACK
from iapeer.store.rows import Row, read_row

PART = 50  # rows that are held or let go in one transaction where there may be any number, and others wait


class Inbox(Intake):
    """The steps between the states. A step is checked, written and told in one transaction."""

    def lease(self, message_id: str, session: str, baseline: str) -> Row:
        """queued -> leased in one transaction, with the session that fences the row and its baseline; `leased` event.

        IllegalStep when the row is not queued or its identity has another row in flight.
        """
        with self._write():
            row = self._known_row(message_id)
            _check(row, State.LEASED)
            other = self.in_flight(row.identity)
            if other is not None:
                raise IllegalStep(f"{row.identity} has message {other.message} in flight: settle that first.")
            return self._step(row, State.LEASED, session=session, baseline=baseline, outcome=None, error=None)

    def move(
        self,
        message_id: str,
        to: State,
        *,
        session: str | None = None,
        reason: str | None = None,
        outcome: str | None = None,
        error: str | None = None,
        attempt: int | None = None,
        data: Mapping[str, object] | None = None,
    ) -> Row:
        """One step in one transaction, with the event named after it. `reason` is replaced; the others only when given.

        StaleLease when `session` is given and is not the row's; IllegalStep when the step is not allowed (leasing is
        `lease`'s alone). Going back to queued clears session, baseline and typed_ms. `data` is added to the event.
        """
        given = {"outcome": outcome, "error": error, "attempt": attempt}
        changes = {name: value for name, value in given.items() if value is not None}
        with self._write():
            row = self._known_row(message_id)
            _fence(row, session)
            _check(row, to)
            if to is State.LEASED:
                raise IllegalStep(f"Message {message_id} is leased by `lease`, which records who holds it.")
            if to is State.HELD and reason is None:
                raise IllegalStep(f"Message {message_id} cannot be held without a cause: nothing would release it.")
            return self._step(row, to, reason=reason, data=data, **changes)

    def typed(self, message_id: str, session: str, **data: int) -> Row:
        """Stamp the time of typing in one transaction, with a `typed` event. The first stamp of a lease stays.

        Not synced by itself: what was typed is known to the session, and a power cut ends that too.

        StaleLease when `session` does not hold the row; IllegalStep when the row is final.
        """
        with self._lazily(), self._write():
            row = self._known_row(message_id)
            _fence(row, session)
            if row.state in FINAL:
                raise IllegalStep(f"Message {message_id} is {row.state}: nothing is typed for it any more.")
            if row.typed_ms is not None:
                return row
            now = self._now()
            return self._save(replace(row, typed_ms=now, updated_ms=now), "typed", data)

    def note(self, message_id: str, reason: str | None) -> None:
        """Why a queued row waits, in one transaction with a `waiting` event; nothing at all if it says so already.

        Other rows are left as they are: the reason of a held one is its cause.
        """
        with self._write():
            row = self._known_row(message_id)
            if row.state is State.QUEUED and row.reason != reason:
                self._save(replace(row, reason=reason, updated_ms=self._now()), "waiting", {"reason": reason})

    def hold(self, personality: str, cause: str, identity: str | None = None, most: int = ALL) -> int:
        """Every queued row of the peer, or of one identity of it, becomes held with this cause.

        In one transaction, with a `held` event each; how many there were. `most`: only so many of each identity, the
        last in line first; whoever asks so asks again until there are none.
        """
        with self._write():
            found = [self._all(QUEUED_OF, (who, most)) for who in self._those(personality, identity)]
            return self._shift(found, State.HELD, cause)

    def release(self, personality: str, cause: str, identity: str | None = None, most: int = ALL) -> int:
        """Every row held with this cause is queued again in its place: as `hold`, `queued` events, oldest first."""
        with self._write():
            found = [self._all(HELD_OF, (who, cause, most)) for who in self._those(personality, identity)]
            return self._shift(found, State.QUEUED, None)

    def set_back(self, now: int, cause: str, within: int) -> None:
        """Rows held with this cause, by a clock that was set back since, wait no longer than was meant; no event.

        Those that were to wait at most `within` ms; in one transaction. One read where there is none.
        """
        if self._all(AHEAD, (now, cause, within)):
            with self._write():
                self._run(SET_BACK, {"now": now, "cause": cause, "within": within})

    def release_due(self, now: int, cause: str, most: int = ALL) -> list[Row]:
        """Every row held with this cause until `now` (ms) or before, in one transaction; a `queued` event each.

        `most`: only so many, those that came due first.
        """
        with self._write():
            rows = [read_row(values) for values in self._all(RELEASED, (now, cause, most))]
            return [self._step(row, State.QUEUED) for row in rows]

    def expire(self, now: int, most: int = ALL) -> list[Row]:
        """Every waiting row that expires at or before `now` (ms), in one transaction; an `expired` event each.

        `most`: only so many, those that expired first.
        """
        with self._write():
            rows = [read_row(values) for values in self._all(EXPIRED, (now, most))]
            return [self._step(row, State.EXPIRED, reason="expired") for row in rows]

    def _those(self, personality: str, identity: str | None) -> list[str]:
        """The peer's identities that have rows waiting, or the one of them that is meant."""
        waiting = self.waiting_identities() if identity is None else [identity]
        return [who for who in waiting if split_identity(who)[1] == personality]

    def _shift(self, found: list[list[tuple[Any, ...]]], after: State, reason: str | None) -> int:
        rows = sorted((read_row(values) for some in found for values in some), key=lambda row: row.seq)
        for row in rows:
            self._step(row, after, reason=reason)
        return len(rows)

    def _step(
        self,
        row: Row,
        to: State,
        *,
        reason: str | None = None,
        data: Mapping[str, object] | None = None,
        **changes: Any,
    ) -> Row:
        """Write one step that was checked, and its event."""
        if to is State.QUEUED:
            changes |= {"session": None, "baseline": None, "typed_ms": None}
        after = replace(row, state=to, reason=reason, updated_ms=self._now(), **changes)
        told = {**(data or {}), "from": row.state, "to": to, "reason": reason, "attempt": after.attempt}
        if changes.get("error") is not None:
            told["error"] = after.error
        self._count(row.identity, row.state, -1)
        self._count(row.identity, to, 1)
        return self._save(after, _event_name(row.state, to), told, session=after.session or row.session)

    def _save(self, row: Row, ev: str, data: Mapping[str, object], session: str | None = None) -> Row:
        """Write the row as it is now, and its event."""
        self._run(
            "UPDATE inbox SET state = ?, reason = ?, attempt = ?, session = ?, baseline = ?, typed_ms = ?, "
            "outcome = ?, error = ?, updated_ms = ? WHERE seq = ?",
            (
                row.state, row.reason, row.attempt, row.session, row.baseline, row.typed_ms, row.outcome, row.error,
                row.updated_ms, row.seq,
            ),
        )  # fmt: skip
        self._tell_of(row, ev, data, session)
        return row


def _fence(row: Row, session: str | None) -> None:
    if session is not None and session != row.session:
        raise StaleLease(f"Session {session} no longer holds message {row.message}: nothing was changed.")


def _check(row: Row, to: State) -> None:
    if not allowed(row.state, to):
        raise IllegalStep(f"Message {row.message} is {row.state}: it cannot become {to}.")


def _event_name(before: State, after: State) -> str:
    """The proof makes a row `delivered`; a turn that goes on after a question is merely `running` again."""
    if after is State.RUNNING:
        return "running" if before is State.NEEDS_INPUT else "delivered"
    return after.value
