"""Settling what a dead session left: by its transcript and tmux's mark, in a real store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from iapeer.actors.delivery.settle import TOO_LONG, Rules, settle
from iapeer.actors.delivery.settling import carry_out, evidence_left
from iapeer.actors.state import Telling
from iapeer.fleet.holds import Holds
from iapeer.model.envelope import Envelope, wire
from iapeer.model.errors import Failed
from iapeer.model.states import State
from iapeer.model.timing import TIMING
from iapeer.paths.layout import layout
from iapeer.runtimes.binary import Probe
from iapeer.runtimes.load import Catalogue
from iapeer.sessions.context import Context
from iapeer.sessions.filewatch import FileWatch
from iapeer.sessions.machine import this_machine
from iapeer.store import NewMessage, Row, SessionRecord, Store
from iapeer.testing.clock import ManualClock
from tests.harness import REPO


@dataclass
class House:
    """A site with one leased message of a session, and that session's transcript."""

    context: Context
    transcript: Path
    said: list[tuple[str, str]] = field(default_factory=list)
    over: list[Row] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.context.store

    @property
    def row(self) -> Row:
        found = self.store.inbox.row("m1")
        assert found is not None
        return found

    def write(self, *kinds: str, attempt: int = 1) -> None:
        """Add records to the transcript; `mine` is a user turn with the message."""
        text = wire(Envelope("m1", "operator", "shell", "natural", "hello", attempt=attempt))
        with self.transcript.open("a") as file:
            for kind in kinds:
                record = {"type": "user", "text": text} if kind == "mine" else {"type": kind, "text": f"a {kind}"}
                file.write(json.dumps(record) + "\n")

    def lease(self, session: str = "s1", baseline: dict[str, Any] | None = None, *, version: str | None = None) -> None:
        """A session, its transcript recorded, holds the row."""
        self.store.sessions.open(
            SessionRecord(
                id=session, identity="fake-bob", personality="bob", mode="fresh", cause="message", folder="/",
                started_ms=1, version=version,
            )
        )  # fmt: skip
        self.store.sessions.change(session, transcript=str(self.transcript))
        at = {"path": str(self.transcript), "offset": 0} if baseline is None else baseline
        self.store.activations.begin("m1", session, json.dumps(at))

    def answer(self) -> None:
        """Its agent answers the sender by itself."""
        self.store.messages.accept(
            NewMessage(
                id="m2", sender="bob", sender_runtime="fake", sender_intelligence="artificial", to="operator",
                identity="shell-operator", body="42", kind="result", re="m1", settled="informational",
            )
        )  # fmt: skip

    def done(self, row: Row, said: str) -> None:
        """A turn ended well, with these last words."""
        self.said.append((row.message, said))

    def settle(self, pasted: str | None, cause: str = "exit", session: str = "s1", *, again: bool = False) -> Row:
        """End the session and settle the row."""
        ended = self.store.sessions.end(session, cause=cause)
        evidence = asyncio.run(evidence_left(self.context, self.row, ended, pasted))
        outcome = settle([self.row], evidence, Rules(again=again))
        telling = Telling(self.done, self.over.append, lambda name: None, Holds(self.store))
        return carry_out(self.store, self.row, evidence, outcome, telling)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    place = layout({"IAPEER_ROOT": str(tmp_path / "root")}).make()
    clock = ManualClock()
    store = Store(place.database, clock)
    store.peers.add("bob", "/bob")
    store.messages.accept(
        NewMessage(
            id="m1", sender="operator", sender_runtime="shell", sender_intelligence="natural", to="bob",
            identity="fake-bob", body="hello",
        )
    )  # fmt: skip
    machine = this_machine(clock, cast(FileWatch, None), place.spool, TIMING.tmux)
    catalogue = Catalogue(place.adapters, (REPO / "fixtures" / "fake.toml",))
    context = Context(place, store, catalogue, Probe(), machine, {}, str, "", list)
    (tmp_path / "t.jsonl").touch()
    yield House(context, tmp_path / "t.jsonl")
    store.close()


def test_what_was_not_typed_waits_as_it_was(house: House) -> None:
    """tmux's last mark is another's: no attempt was used."""
    for pasted in ("", "m0:1", "m1:2"):
        house.lease(f"s{pasted}")
        row = house.settle(pasted, session=f"s{pasted}")
        assert (row.state, row.attempt, row.session) == (State.QUEUED, 1, None)


@pytest.mark.parametrize("pasted", ["m1:1", None])
def test_typed_without_proof_is_a_new_attempt(house: House, pasted: str | None) -> None:
    """Also when tmux could not be asked: better twice said than lost."""
    house.lease()
    house.write("user", "turn_end", "enqueue")
    row = house.settle(pasted)
    assert (row.state, row.attempt, row.session) == (State.QUEUED, 2, None)


def test_there_is_a_last_attempt(house: House) -> None:
    """Typed in vain in so many sessions it is dead, and says so."""
    for attempt in range(1, Rules().attempts + 1):
        house.lease(f"s{attempt}")
        row = house.settle(f"m1:{attempt}", session=f"s{attempt}")
    assert (row.state, row.error) == (State.DEAD, f"typed in {Rules().attempts} sessions, and none of them took it")


@pytest.mark.parametrize(
    ("records", "state", "error"),
    [
        (["mine", "assistant", "turn_end"], State.DONE, None),
        (["mine"], State.FAILED, "session died (exit)"),
        (["mine", "assistant"], State.FAILED, "session died (exit)"),
        (["mine", "interrupted"], State.FAILED, "interrupted"),
        (["mine", "error"], State.FAILED, "a error"),
        (["user", "turn_end", "mine"], State.FAILED, "session died (exit)"),
        (["user", "turn_end", "mine", "turn_end"], State.DONE, None),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_what_its_record_holds_is_settled_by_it(
    house: House, records: list[str], state: State, error: str | None, known: bool
) -> None:
    """Proven after the fact or before: done if the turn ended well, else failed with the cause; never typed again."""
    house.lease()
    if known:
        house.store.inbox.move("m1", State.RUNNING)
    house.write(*records)
    row = house.settle("m1:1")
    assert (row.state, row.error, row.attempt) == (state, error, 1)
    assert [event.ev for event in house.store.events.page(message="m1")].count("delivered") == 1


@pytest.mark.parametrize("doubt", [State.STRANDED, State.UNKNOWN])
def test_late_evidence_settles_a_doubt(house: House, doubt: State) -> None:
    """A row in doubt is looked up in the record before it is tried again."""
    house.lease()
    house.store.inbox.move("m1", doubt)
    house.write("mine", "turn_end")
    assert house.settle(None).state is State.DONE


def test_only_what_came_after_the_baseline_counts(house: House) -> None:
    """An earlier attempt's record, or what a resumed conversation held before, proves nothing."""
    house.write("mine", "turn_end")
    house.lease(baseline={"path": str(house.transcript), "offset": house.transcript.stat().st_size})
    assert (house.settle(None).state, house.row.attempt) == (State.QUEUED, 2)
    house.lease("s2")
    assert (house.settle(None, session="s2").state, house.row.attempt) == (State.QUEUED, 3)


def test_another_transcript_is_read_from_its_start(house: House, tmp_path: Path) -> None:
    """The agent began a new conversation after the lease: the baseline is of the old file."""
    house.lease(baseline={"path": str(tmp_path / "old.jsonl"), "offset": 10_000})
    house.write("mine", "turn_end")
    assert house.settle("m1:1").state is State.DONE


def test_no_transcript_is_no_proof(house: House) -> None:
    """Never written, or gone: a new attempt; one that was proven before fails."""
    house.lease()
    house.transcript.unlink()
    assert house.settle("m1:1").state is State.QUEUED
    house.lease("s2")
    house.store.inbox.move("m1", State.RUNNING)
    row = house.settle("m1:2", "lost", session="s2")
    assert (row.state, row.error) == (State.FAILED, "session died (lost)")


@pytest.mark.parametrize("cause", ["exit", "lost"])
def test_a_workers_task_comes_back_at_most_twice(house: House, cause: str) -> None:
    """Proven and not ended: queued in its place as the next attempt; the third death is its last."""
    for attempt in (1, 2):
        house.lease(f"s{attempt}")
        house.write("mine", attempt=attempt)
        row = house.settle(f"m1:{attempt}", cause, f"s{attempt}", again=True)
        assert (row.state, row.attempt, row.session) == (State.QUEUED, attempt + 1, None)
        assert row.reason == f"session died ({cause})"
    house.lease("s3")
    house.write("mine", attempt=3)
    row = house.settle("m1:3", cause, "s3", again=True)
    assert (row.state, row.error) == (State.DEAD, f"session died ({cause}), in each of 3 sessions")


@pytest.mark.parametrize("cause", ["stop", "new"])
def test_a_task_whose_session_a_person_ends_comes_back_always(house: House, cause: str) -> None:
    """It is no death: the task did nothing wrong."""
    for attempt in range(1, 6):
        house.lease(f"s{attempt}")
        house.write("mine", attempt=attempt)
        row = house.settle(f"m1:{attempt}", cause, f"s{attempt}", again=True)
        assert (row.state, row.attempt) == (State.QUEUED, attempt + 1)


@pytest.mark.parametrize(
    ("records", "cause", "state", "error"),
    [
        (["mine", "turn_end"], "exit", State.DONE, None),
        (["mine", "interrupted"], "exit", State.FAILED, "interrupted"),
        (["mine", "error"], "exit", State.FAILED, "a error"),
        (["mine"], "timeout", State.FAILED, TOO_LONG),
        (["mine", "interrupted"], "timeout", State.FAILED, TOO_LONG),
        (["mine", "turn_end"], "timeout", State.DONE, None),
    ],
)
def test_a_workers_outcome_is_no_death(
    house: House, records: list[str], cause: str, state: State, error: str | None
) -> None:
    """What its record ends is over; a turn that was too long fails, and is not begun anew."""
    house.lease()
    house.write(*records)
    row = house.settle("m1:1", cause, again=True)
    assert (row.state, row.error, row.attempt) == (state, error, 1)
    assert row.outcome == ("timeout" if error == TOO_LONG else error or "ok")


def test_an_answered_task_is_not_done_twice(house: House) -> None:
    """The answer is with its sender: the death of the session after it changes nothing."""
    house.lease()
    house.write("mine")
    house.answer()
    assert house.settle("m1:1", again=True).state is State.DONE


@pytest.mark.parametrize(
    ("again", "answered", "state"),
    [
        (False, False, State.FAILED),
        (True, False, State.QUEUED),
        (True, True, State.DONE),
    ],
)
def test_a_question_does_not_outlive_its_session(house: House, again: bool, answered: bool, state: State) -> None:
    """The end of the turn that asked is not the end of the task; an answer that its sender has is."""
    house.lease()
    house.write("mine", "assistant", "turn_end")
    house.store.inbox.move("m1", State.RUNNING)
    house.store.inbox.move("m1", State.NEEDS_INPUT)
    if answered:
        house.answer()
    assert house.settle("m1:1", again=again).state is state
    assert (house.over != []) == (state is not State.QUEUED)


@pytest.mark.parametrize(("version", "state"), [("1.9", State.QUEUED), (None, State.QUEUED), ("2.1", State.DONE)])
def test_records_are_read_as_the_version_wrote_them(house: House, version: str | None, state: State) -> None:
    """Of the session that is dead: what is installed now does not matter, and is not asked."""
    text = (REPO / "fixtures" / "fake.toml").read_text()
    ranges = """
[[versions]]
range = ">=2"
[versions.transcript]
records = [
  { event = "user-turn", when = { type = "prompt" }, text = "text" },
  { event = "turn-end", when = { type = "over" } },
]
"""
    house.context.layout.adapters.mkdir(parents=True, exist_ok=True)
    (house.context.layout.adapters / "fake.toml").write_text(text + ranges)
    house.lease(version=version)
    house.write("mine", "over")
    house.transcript.write_text(house.transcript.read_text().replace('"user"', '"prompt"'))
    assert house.settle("m1:1").state is state


def test_a_record_that_cannot_be_read_decides_nothing(house: House) -> None:
    """It may hold the message: nothing is typed again before it can be read."""
    house.lease()
    house.write("mine", "turn_end")
    aside = house.transcript.rename(house.transcript.with_name("aside"))
    house.transcript.mkdir()
    with pytest.raises(Failed, match="cannot be read"):
        house.settle("m1:1")
    assert house.row.state is State.LEASED
    house.transcript.rmdir()
    aside.rename(house.transcript)
    assert house.settle("m1:1").state is State.DONE


@pytest.mark.parametrize("known", [False, True])
def test_a_locked_database_decides_nothing(house: House, known: bool) -> None:
    """Whether or not it is known which conversation the session was in."""
    text = (REPO / "fixtures" / "fake.toml").read_text()
    text = re.sub(r"(?m)^beside = .*\n", "", text)
    table = 'table = "event"\nconversation = "of"\norder = "n"\nrecord = "data"\n'
    house.context.layout.adapters.mkdir(parents=True, exist_ok=True)
    (house.context.layout.adapters / "fake.toml").write_text(f"{text}\n[transcript.sqlite]\n{table}")
    house.write("mine", "turn_end")
    records = house.transcript.read_text().splitlines()
    house.transcript.unlink()
    house.lease()
    if known:
        house.store.sessions.change("s1", conversation="c1")
    with contextlib.closing(sqlite3.connect(house.transcript, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE event (of TEXT, n INTEGER, data TEXT)")
        writer.executemany("INSERT INTO event VALUES ('c1', ?, ?)", list(enumerate(records)))
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Failed, match="cannot be read"):
            house.settle("m1:1")
        assert house.row.state is State.LEASED
        writer.execute("ROLLBACK")
        assert house.settle("m1:1").state is State.DONE
