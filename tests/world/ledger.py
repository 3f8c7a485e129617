"""What must always hold, and what must hold once the world is quiet: the record against the truth of the world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from iapeer.actors.delivery.settle import DECIDED, Rules
from iapeer.model.envelope import decode
from iapeer.model.holds import shown
from iapeer.model.names import OPERATOR
from iapeer.model.states import FINAL, IN_FLIGHT, STEPS, State
from iapeer.runtimes.records import Key
from iapeer.store import ANSWER, INFORMATIONAL, SYSTEM, Event, Row, Store
from iapeer.store.queries import SELECT_ROW
from iapeer.store.rows import read_row
from tests.unit.store.samples import check_activations
from tests.world.agent import SimTurn

# What may go wrong in an actor's loop: refusals of the world, told to people. Anything else is a defect.
TROUBLES = ("Refused:", "Failed:", "TmuxError:", "ServerGone:")


class AnAgent(Protocol):
    """A session as the ledger sees it. `typed`: the texts that were pasted into it; `taken_out`: those that a person
    took out of its composer, with what else stood there, before any Enter of ours.
    """

    session: str
    identity: str
    resumed: bool
    typed: list[str]
    taken_out: list[str]
    turns: list[SimTurn]


class AnyWorld(Protocol):
    """The truth, made up or found out."""

    @property
    def agents(self) -> Sequence[AnAgent]:
        """All sessions that ever were."""

    def live(self, identity: str | None = None) -> Sequence[AnAgent]:
        """Those whose processes live."""


class Ledger:
    """Follows what is told, beside the store. Every method raises AssertionError when a promise is broken."""

    def __init__(self, world: AnyWorld, workers: set[str]) -> None:
        self._world = world
        self._workers = workers  # identities
        self.known: dict[str, State] = {}
        self.broken: list[AssertionError] = []  # promises that an event told to be broken

    def employ(self, *workers: str) -> None:
        """These are the workers from now on."""
        self._workers = set(workers)

    def told(self, event: Event) -> None:
        """An event of the store, right after its commit. Nothing is raised here: it would change the history."""
        try:
            if event.ev == "actor_error":
                assert str(event.data["error"]).startswith(TROUBLES), event.data
            if event.message is not None and "to" in event.data:
                self._moved(event, event.message, State(str(event.data["to"])))
        except AssertionError as error:
            self.broken.append(error)

    def _moved(self, event: Event, message: str, to: State) -> None:
        before = self.known.get(message)
        assert before is None or to in STEPS[before], f"{message}: {before} -> {to}"
        self.known[message] = to
        if event.ev == "delivered":
            attempt = event.data["attempt"]
            assert isinstance(attempt, int)
            assert self._recorded((message, attempt)), f"{message} is called delivered, and is in nobody's record"

    def _recorded(self, key: Key) -> bool:
        return any(turn.key == key and turn.recorded for agent in self._world.agents for turn in agent.turns)

    # ---- always

    def check(self, store: Store) -> None:
        """After every step of a history, whatever the daemon is doing."""
        for error in self.broken:
            raise error
        rows = self._rows(store)
        for row in rows:
            _is_in_one_state(row, store)
        assert {row.message: row.state for row in rows} == self.known
        flying = Counter(row.identity for row in rows if row.state in IN_FLIGHT)
        assert all(number == 1 for number in flying.values()), f"in flight: {flying}"
        check_activations(store)
        self._attempts_are_on_record(rows, store)
        self._typed_once()
        self._one_task_each(rows)
        self._answers_find_their_asker(rows, store)
        self._done_is_true(rows)
        for identity in {agent.identity for agent in self._world.agents}:
            self._marks_live(store, identity)

    def _rows(self, store: Store) -> list[Row]:
        return [read_row(values) for values in store.database.all(f"{SELECT_ROW} ORDER BY i.seq")]

    def _attempts_are_on_record(self, rows: list[Row], store: Store) -> None:
        """What was typed into a session was leased to it, as this attempt."""
        known = {row.message for row in rows}
        for agent in self._world.agents:
            for message, attempt in typed(agent):
                taken = {(one.session, one.attempt) for one in store.activations.of(message)}
                assert message not in known or (agent.session, attempt) in taken, (
                    f"{message} in {agent.session}: {taken}"
                )

    def _typed_once(self) -> None:
        """A body once a session, but for what a person took out unsent; a later attempt has a later number."""
        for agent in self._world.agents:
            keys = Counter(key[0] for key in _left(agent))
            assert all(number == 1 for number in keys.values()), f"typed twice into {agent.session}: {keys}"
        attempts = [(key, agent.session) for agent in self._world.agents for key in typed(agent)]
        for key, sessions in groupby(sorted(attempts), key=lambda one: one[0]):
            assert len(list(sessions)) == 1, f"attempt {key} was typed into two sessions"

    def _one_task_each(self, rows: list[Row]) -> None:
        """A worker's session takes one task; it is fresh, unless somebody wanted to look at one that is over."""
        tasks = {row.message for row in rows if row.priority != ANSWER}
        for agent in self._world.agents:
            if agent.identity in self._workers:
                taken = [key for key in _left(agent) if key[0] in tasks]
                assert len(taken) <= 1, f"{agent.session} took {len(taken)} tasks"
                assert not (agent.resumed and taken), f"{agent.session} was resumed, and took a task"

    def _answers_find_their_asker(self, rows: list[Row], store: Store) -> None:
        """What a worker's session asked is answered to that session alone."""
        asked = {row.message: row.re for row in rows if row.priority == ANSWER and row.re is not None}
        for agent in self._world.agents:
            session = store.sessions.get(agent.session)
            for message in {key[0] for key in typed(agent)} & asked.keys():
                own = session is not None and store.events.came_after(asked[message], session)
                assert own, f"{message} answers another session than {agent.session}"

    def _done_is_true(self, rows: list[Row]) -> None:
        """What is called done was a turn that ended well; a worker may die when it has answered."""
        for row in rows:
            if row.state is State.DONE and row.outcome == "ok":
                key = (row.message, row.attempt)
                ends = [turn.outcome for agent in self._world.agents for turn in agent.turns if turn.key == key]
                answered = row.identity in self._workers and any(one.re == row.message for one in rows)
                cut_off = answered and ends in (["died"], ["interrupted"])
                assert ends == ["done"] or cut_off, f"{row.message} is done: {ends}"

    def check_stopped(self, store: Store) -> None:
        """Who is stopped has no session, once it was told to everybody."""
        live = [agent.identity for agent in self._world.live() if store.peers.is_stopped(agent.identity)]
        assert not live, f"stopped, and live: {live}"

    def _marks_live(self, store: Store, identity: str) -> None:
        """A mark of a session's end is there only while that session has no end on record."""
        last = store.sessions.last(identity)
        marks = set(store.flags.of(identity)) & {"parking", "armed"}
        assert not marks or (last is not None and last.ended_ms is None), f"{marks} outlive {last}"

    # ---- in the end

    def check_quiet(self, store: Store) -> None:
        """Nothing goes on any more, and nobody is there."""
        rows = self._rows(store)
        for row in rows:
            assert row.state in FINAL, f"never came to an end: {row}"
            turns = [agent for agent in self._world.agents for turn in agent.turns if _is_of(turn, row)]
            most = 1
            if row.identity in self._workers:
                most = Rules().retries + 1 + sum(_ended_by_a_person(agent, store) for agent in turns)
            assert len(turns) <= most, f"{row.message} became {len(turns)} turns on record"
        for row in rows:
            self._sender_knows(row, rows)

    def _sender_knows(self, row: Row, rows: list[Row]) -> None:
        """A peer hears once of an end that is not done, or of an answer that never came; never of its own notices."""
        notices = [one for one in rows if one.re == row.message and one.sender == SYSTEM]
        answers = [one for one in rows if one.re == row.message and one.sender == row.to and one.kind == "result"]
        bad = row.state is not State.DONE or (row.asks and not answers and row.outcome != INFORMATIONAL)
        wanted = 1 if bad and row.sender not in (SYSTEM, OPERATOR) else 0
        assert len(notices) == wanted, f"{len(notices)} notices, not {wanted}, of {row}"

    def check_sessions(self, store: Store) -> None:
        """What is recorded as open lives, and nothing else does."""
        opened = {session.id for session in store.sessions.all_open()}
        lives = {agent.session for agent in self._world.live()}
        assert opened == lives, f"on record: {opened}; alive: {lives}"


def typed(agent: AnAgent) -> list[Key]:
    """The messages that were really typed into this session."""
    return _keys(agent.typed)


def _left(agent: AnAgent) -> list[Key]:
    """Those of them that no person took out."""
    return [key for key in typed(agent) if key not in _keys(agent.taken_out)]


def _keys(texts: list[str]) -> list[Key]:
    found = [decode(text) for text in texts]
    return [(one.id, one.attempt) for one in found if one is not None]


def _ended_by_a_person(agent: AnAgent, store: Store) -> bool:
    """Whether what it worked on is begun again without counting as a try."""
    session = store.sessions.get(agent.session)
    return session is not None and session.end_cause in DECIDED


def _is_of(turn: SimTurn, row: Row) -> bool:
    """Whether this turn, on record, is what the message became."""
    return turn.recorded and turn.key is not None and turn.key[0] == row.message


def _is_in_one_state(row: Row, store: Store) -> None:
    """The fields that its state allows, and no others."""
    if row.state is State.QUEUED:
        assert (row.session, row.baseline, row.typed_ms) == (None, None, None), row
    causes = store.holds.causes_of(row)
    assert bool(causes) == (row.state is State.HELD), row
    if row.state is State.HELD:
        assert row.reason == shown(causes), row
        assert row.session is None, row
    if row.state in IN_FLIGHT:
        assert row.session is not None, row
        assert row.baseline is not None, row
    assert 1 <= row.attempt <= 5, row
