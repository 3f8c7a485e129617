"""What an identity does next, by what is known of it: both wake policies as tables, and what beats what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.actors import perform
from iapeer.actors.acts import (
    Act,
    Arm,
    Begin,
    Conclude,
    FileAnswer,
    GiveUp,
    GoOn,
    HoldGuarded,
    KeepOut,
    Learning,
    LetIn,
    Listen,
    Look,
    Park,
    PutOff,
    Reap,
    Record,
    Relaunch,
    ReleaseGuarded,
    Rest,
    Settle,
    Start,
    WakeEagerly,
    WakeFor,
)
from iapeer.actors.delivery.decide import Proven
from iapeer.actors.facts import Facts, SessionFacts
from iapeer.actors.lifecycle.boot import Boot, Ready, Stuck
from iapeer.actors.policies import next_act
from iapeer.model.causes import ArmReason, EndCause, WaitReason
from iapeer.model.states import State
from iapeer.model.timing import TIMING
from iapeer.peers.profile import Profile
from iapeer.runtimes.records import Turn
from iapeer.store import ANSWER, ARMED, FRESH, Row
from tests.unit.actors.observations import BUSY, FAKE, NOW_MS, OPEN, lives, observation, turns, view

QUIET, SILENT = TIMING.worker.quiet, TIMING.worker.silent
NOW = 1000.0
WARM = Profile.model_validate(
    {
        "personality": "bob",
        "runtimes": ["fake"],
        "default_runtime": "fake",
        "intelligence": "artificial",
        "idle_secs": 600,
    }
)
WORKER = WARM.model_copy(update={"wake_policy": "ephemeral", "unarmed_secs": 120, "timeout_secs": 300})


def row(**changes: Any) -> Row:
    """A message that waits."""
    plain = Row(
        seq=1,
        message="m1",
        identity="fake-bob",
        to="bob",
        sender="ann",
        sender_runtime="fake",
        sender_intelligence="artificial",
        body="hello",
        kind="work",
        topic=None,
        re=None,
        asks=False,
        attachments=(),
        key=None,
        typed_ms=None,
        state=State.QUEUED,
        reason=None,
        attempt=1,
        session=None,
        activation=None,
        outcome=None,
        error=None,
        baseline=None,
        priority=0,
        not_before_ms=None,
        expires_ms=None,
        created_ms=1,
        updated_ms=1,
    )
    return replace(plain, **changes)


TASK = row()
ANSWERED = row(message="m2", priority=ANSWER, re="m0")
TYPED = row(state=State.LEASED, session="s1")
TAKEN = row(state=State.RUNNING, session="s1")
ELSEWHERE = row(state=State.RUNNING, session="s0")
DONE = Turn(opened=1, outcome="done")


def asleep(**known: Any) -> Facts:
    """An identity without a session."""
    return Facts(now=NOW, now_ms=NOW_MS, **known)


def awake(*, worker: bool = False, seen: bool = True, here: dict[str, Any] | None = None, **known: Any) -> Facts:
    """A session that takes input, was active just now and was looked at in this step. `here`: what is known of it."""
    session = SessionFacts(id="s1", adapter=FAKE, looked=NOW, active=NOW, observation=observation() if seen else None)
    profile = WORKER if worker else WARM
    session = replace(session, **(here or {}))
    return Facts(**{"now": NOW, "now_ms": NOW_MS, "profile": profile, "worker": worker, "session": session, **known})


def unseen(**known: Any) -> Facts:
    """A session that was not looked at in this step."""
    return awake(seen=False, **known)


ASLEEP: list[tuple[str, Facts, Act]] = [
    ("nothing waits", asleep(), Rest()),
    ("a message waits", asleep(waiting=TASK), WakeFor(TASK)),
    ("a session is wanted", asleep(eager=True), WakeEagerly()),
    ("a wish beats a message", asleep(eager=True, waiting=TASK), WakeEagerly()),
    ("what the guard held goes first", asleep(guarded=True, waiting=TASK), ReleaseGuarded()),
    ("the guard holds what waits", asleep(backoff_until=NOW + 9, waiting=TASK, eager=True), HoldGuarded()),
    ("the guard lets nothing start", asleep(backoff_until=NOW + 9, eager=True), Rest(NOW + 9)),
    ("who is stopped is not tried", asleep(down=True, backoff_until=NOW + 9, waiting=TASK, eager=True), Rest()),
    ("the wish is passed on first", asleep(wants_fresh=True, down=True, waiting=TASK), Relaunch()),
    (
        "an orphan needs no session",
        asleep(orphan=True, waiting=ANSWERED, wants_fresh=True, down=True),
        FileAnswer(ANSWERED),
    ),
    ("nobody keeps tasks out", asleep(kept_out=True, orphan=True, waiting=ANSWERED), LetIn()),
    ("what was in flight is settled first", asleep(row=TAKEN, kept_out=True, waiting=TASK), Settle(TAKEN)),
]

ANY_POLICY: list[tuple[str, dict[str, Any], Act]] = [
    ("a look comes first", {"seen": False}, Look()),
    ("a look at what is typed", {"seen": False, "row": TYPED}, Look()),
    ("looks are apart once the turn is open", {"seen": False, "row": TAKEN}, Rest(NOW + 0.1)),
    ("and once Enter is pressed", {"seen": False, "row": TYPED, "here": {"submitted": True}}, Rest(NOW + 0.1)),
    ("not for long", {"seen": False, "row": TAKEN, "here": {"looked": NOW - 0.1}}, Look()),
    ("nor where only the screen tells", {"seen": False, "row": TAKEN, "here": {"readable": False}}, Look()),
    ("nor for another session's row", {"seen": False, "row": ELSEWHERE}, Look()),
    ("what was in vain is not tried at once", {"seen": False, "waiting": row(reason="draft")}, Rest(NOW + 0.1)),
    ("what was in vain for another reason is", {"seen": False, "waiting": row(reason="quota")}, Look()),
    (
        "a proof needs no look",
        {"seen": False, "row": TYPED, "record": Proven(), "guarded": True},
        Record(TYPED, Proven()),
    ),
    ("what the guard held needs none", {"seen": False, "guarded": True, "kept_out": True}, ReleaseGuarded()),
    ("nor what a person kept out", {"seen": False, "kept_out": True}, LetIn()),
    ("the dead are not asked", {"here": {"observation": observation(gone=True), "ready": False}}, Conclude()),
    ("a start that is through", {"here": {"ready": False, "boot": Boot(0.0, composer=0.0, rest=0.0)}}, Start(Ready())),
    (
        "a start that needs a person",
        {"here": {"ready": False, "observation": observation(screen=view(blocked="login"))}},
        Start(Stuck("login")),
    ),
    (
        "a row of a session before this one",
        {"row": ELSEWHERE, "here": {"flags": frozenset({FRESH})}},
        Settle(ELSEWHERE),
    ),
    ("a message in its turn", {"row": TAKEN, "here": {"flags": frozenset({FRESH})}}, GoOn(TAKEN)),
    ("who gave up gets no message", {"waiting": TASK, "here": {"flags": frozenset({FRESH})}}, GiveUp()),
    ("an answer to somebody who has ended", {"waiting": ANSWERED, "orphan": True}, FileAnswer(ANSWERED)),
    ("a message", {"waiting": TASK}, Begin(TASK)),
    (
        "a message, before our tool",
        {"waiting": TASK, "here": {"connecting_until": NOW + 3}},
        PutOff(TASK, WaitReason.CONNECTING, NOW + 3),
    ),
]

LOGGED_OUT = observation(screen=view(blocked="login"))
IDLE: list[tuple[str, dict[str, Any], Act]] = [
    ("at rest", {}, Rest(NOW + 600)),
    ("at rest, logged out", {"here": {"observation": LOGGED_OUT, "login_due": NOW + 50}}, Rest(NOW + 50)),
    ("long at rest", {"here": {"active": NOW - 600}}, Listen()),
    ("its helpers, too", {"here": {"active": NOW - 600, "listened": True}}, Park()),
    ("a helper was active", {"here": {"active": NOW - 10, "listened": True}}, Rest(NOW + 590)),
    (
        "a person is there",
        {"here": {"active": NOW - 600, "listened": True, "observation": observation(people=1)}},
        Rest(NOW + 60),
    ),
    ("its profile cannot be read", {"profile": None, "here": {"active": 0.0}}, Rest(NOW + 60)),
]

ARMED_FLAG = frozenset({ARMED})
USED = {"used": True, "observation": observation(turn=Turn(opened=1, outcome="error"))}
GIVEN = {"used": True, "observation": observation(turn=DONE), "flags": ARMED_FLAG}
DRAFT = {"screen": view(composer="a draft")}
WORK: list[tuple[str, dict[str, Any], Act]] = [
    ("its task", {"waiting": TASK}, Begin(TASK)),
    ("no task yet", {}, Rest(NOW + 120)),
    ("none comes", {"here": {"active": NOW - 120}}, Reap(EndCause.UNARMED)),
    ("no second task", {"waiting": TASK, "here": USED}, Rest(NOW + 120)),
    ("a good end", {"waiting": TASK, "here": {**GIVEN, "flags": frozenset()}}, Arm(ArmReason.TURN_END)),
    (
        "is noted before an answer goes in",
        {"waiting": ANSWERED, "here": {**GIVEN, "flags": frozenset()}},
        Arm(ArmReason.TURN_END),
    ),
    ("given, not yet quiet", {"waiting": TASK, "here": GIVEN}, Rest(NOW + QUIET)),
    ("given and quiet", {"waiting": TASK, "here": {**GIVEN, "active": NOW - QUIET}}, Reap(EndCause.REAPED)),
    (
        "work beside it just ended: a turn may follow",
        {"here": {**GIVEN, "flags": frozenset(), "outlasted": 1, "rested": NOW - 5}},
        Rest(NOW - 5 + SILENT),
    ),
    (
        "a person keeps tasks out",
        {"waiting": TASK, "here": {"observation": observation(people=1), "people": 1}},
        KeepOut(),
    ),
    (
        "a person is there",
        {"here": {**GIVEN, "observation": observation(people=1, turn=DONE), "people": 1, "active": 0.0}},
        Rest(),
    ),
    (
        "what is kept out stays out",
        {"kept_out": True, "here": {"observation": observation(people=1), "people": 1}},
        Rest(),
    ),
    ("and is let in once they left", {"kept_out": True, "here": {**GIVEN, "active": 0.0}}, LetIn()),
    ("a turn", {"row": TAKEN, "here": {"working": NOW - 10}}, GoOn(TAKEN, NOW + 290)),
    ("a turn that takes too long", {"row": TAKEN, "here": {"working": NOW - 300}}, Reap(EndCause.TIMEOUT)),
    (
        "a person may let it",
        {"row": TAKEN, "here": {"working": NOW - 300, "observation": observation(people=1)}},
        GoOn(TAKEN),
    ),
    (
        "a turn of its own that takes too long",
        {"here": {"working": NOW - 300, "observation": observation(live=BUSY, turn=OPEN)}},
        Reap(EndCause.TIMEOUT),
    ),
    ("an answer to its question", {"waiting": ANSWERED, "here": USED}, Begin(ANSWERED, NOW + 120)),
    ("an answer beats the end", {"waiting": ANSWERED, "here": {**GIVEN, "active": 0.0}}, Begin(ANSWERED)),
    (
        "but not where it cannot be typed",
        {"waiting": ANSWERED, "here": {**GIVEN, "active": 0.0, "observation": observation(turn=DONE, **DRAFT)}},
        Reap(EndCause.REAPED),
    ),
    (
        "an answer waits for our tool, and for no longer than the session",
        {"waiting": ANSWERED, "here": {**GIVEN, "connecting_until": NOW + 9}},
        PutOff(ANSWERED, WaitReason.CONNECTING, NOW + QUIET),
    ),
    ("its profile cannot be read", {"profile": None, "here": USED}, Rest(NOW + 600)),
]


def _ids(table: list[Any]) -> list[str]:
    return [str(entry[0]) for entry in table]


@pytest.mark.parametrize("worker", [False, True])
@pytest.mark.parametrize(("case", "facts", "act"), ASLEEP, ids=_ids(ASLEEP))
def test_without_a_session(case: str, facts: Facts, act: Act, worker: bool) -> None:
    """The same for both policies."""
    assert next_act(replace(facts, worker=worker)) == act


@pytest.mark.parametrize(("case", "known", "act"), ANY_POLICY, ids=_ids(ANY_POLICY))
def test_what_both_policies_say(case: str, known: dict[str, Any], act: Act) -> None:
    """Up to where they part."""
    assert next_act(awake(**known)) == act
    worker = next_act(awake(worker=True, **known))
    assert worker == act


@pytest.mark.parametrize(("case", "known", "act"), IDLE, ids=_ids(IDLE))
def test_a_warm_peer_with_nothing_to_do(case: str, known: dict[str, Any], act: Act) -> None:
    """It sleeps, if nobody and nothing would be cut off."""
    assert next_act(awake(**known)) == act


@pytest.mark.parametrize(("case", "known", "act"), WORK, ids=_ids(WORK))
def test_a_worker(case: str, known: dict[str, Any], act: Act) -> None:
    """Its task, its answers, its end."""
    assert next_act(awake(worker=True, **known)) == act


def test_every_act_has_a_coroutine() -> None:
    """Those that add to the facts are learned, all others are performed."""
    assert set(perform.COROUTINES) == set(get_args(Act)) - set(get_args(Learning))


_ROWS = st.sampled_from([None, TYPED, TAKEN, ELSEWHERE])
_TIMES = st.sampled_from([0.0, NOW - 30, NOW - 1, NOW])
_SESSIONS = st.builds(
    lambda seen, **known: SessionFacts(id="s1", adapter=FAKE, observation=seen, **known),
    st.builds(
        lambda live, turn, people, gone: observation(live=live, turn=turn, people=people, gone=gone),
        lives, turns, st.integers(0, 1), st.booleans(),
    ),
    ready=st.booleans(), fresh=st.booleans(), looked=_TIMES, active=_TIMES, working=st.none() | _TIMES,
    rested=st.none() | _TIMES, outlasted=st.sampled_from([None, 0]), people=st.integers(0, 1),
    listened=st.booleans(), used=st.booleans(),
    flags=st.sets(st.sampled_from([ARMED, FRESH])).map(frozenset),
)  # fmt: skip
_FACTS = st.builds(
    lambda **known: Facts(now=NOW, now_ms=NOW_MS, **known),
    row=_ROWS, waiting=st.sampled_from([None, TASK, ANSWERED]), kept_out=st.booleans(), guarded=st.booleans(),
    profile=st.sampled_from([None, WARM, WORKER]), worker=st.booleans(), session=_SESSIONS,
)  # fmt: skip


@given(_FACTS)
def test_nobody_is_cut_off(facts: Facts) -> None:
    """Only a dead session is concluded; none is ended under a person's eyes or in a turn, but for its time."""
    act, here = next_act(facts), facts.session
    assert here is not None
    assert here.observation is not None
    assert isinstance(act, Conclude) <= here.observation.gone
    assert act != Look()
    if isinstance(act, Park | Reap | GiveUp):
        assert here.ready
        assert isinstance(act, GiveUp) or not here.observation.people
        assert act == Reap(EndCause.TIMEOUT) or facts.row is None
    if isinstance(act, Begin | PutOff):
        assert facts.row is None
        assert act.row is facts.waiting
    if isinstance(act, Begin) and facts.worker and act.row is TASK:
        assert not here.used
