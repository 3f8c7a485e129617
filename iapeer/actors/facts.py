"""Everything that one decision about an identity goes by, read once a step. Nothing is changed by reading it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from iapeer.actors.asking import is_orphan, is_worker
from iapeer.actors.delivery import decide
from iapeer.actors.lifecycle.boot import Boot
from iapeer.actors.state import IdentityState, SessionState, key_of
from iapeer.model.causes import BlockedReason
from iapeer.model.states import OPEN
from iapeer.model.timing import TIMING, Timing
from iapeer.peers.profile import Profile
from iapeer.peers.registry import RegisteredPeer
from iapeer.runtimes.adapter import Adapter
from iapeer.sessions.live import LiveSession
from iapeer.sessions.observation import Observation
from iapeer.store import ARMED, FRESH, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """A live session. Times are monotonic seconds.

    `observation`: this step's look; None: it was not looked yet, and `flags` and `used` are not read.
    """

    id: str
    adapter: Adapter
    ready: bool = True  # it takes input
    fresh: bool = True  # it does not go on with an earlier conversation
    live_state: bool = True  # the agent's own live state is read
    readable: bool = True  # its transcript may be read without a look
    submitted: bool = False  # Enter was pressed for the row in flight
    enter_due: float = 0.0  # its text was seen in the composer, and Enter is not pressed earlier
    looked: float = 0.0  # when it was last looked at
    active: float = 0.0  # when something last happened
    working: float | None = None  # since when a turn is open
    outlasted: int | None = None  # the turn (by its beginning) whose end work beside it outlasts
    rested: float | None = None  # since when that work is over
    people: int = 0
    boot: Boot | None = None  # what is remembered of its start
    connecting_until: float | None = None  # its agent has not asked for our tool yet, and is waited for
    login_due: float = 0.0  # when its program may be asked again whether somebody is logged in
    listened: bool = False  # its helpers' records are read
    observation: Observation | None = None
    flags: frozenset[str] = frozenset()
    used: bool = False  # a message was typed into it


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One identity at one moment. `session`: None where it has none."""

    now: float  # monotonic seconds
    now_ms: int  # wall time
    timing: Timing = TIMING
    row: Row | None = None  # the message in flight
    record: decide.Act | None = None  # what the transcript alone decides about it; nothing else counts then, or is read
    waiting: Row | None = None  # the next message, while none is in flight
    orphan: bool = False  # that is an answer whose asker has ended
    kept_out: bool = False  # tasks are held because a person was at the worker's session
    guarded: bool = False  # rows are held by the guard, which does not leave the identity down now
    profile: Profile | None = None  # None: it cannot be read now
    worker: bool = False  # every task has a session of its own, by the profile as it could last be read
    session: SessionFacts | None = None
    # only where there is no session:
    backoff_until: float | None = None  # the guard leaves it down until then
    down: bool = False  # the peer is stopped or removed
    wants_fresh: bool = False  # its agent gave the last session up for a fresh one
    eager: bool = False  # a session is wanted, though nothing may wait for it


async def gather(state: IdentityState, known: Callable[[], RegisteredPeer]) -> Facts:
    """Read what the next decision goes by. PeerError where the peer is not registered any more."""
    if state.session is not None:
        return await _with_session(state, state.session, known)
    return _without_session(state)


def _without_session(state: IdentityState) -> Facts:
    store, who = state.context.store, state.identity
    facts = Facts(
        now=state.now(), now_ms=state.context.now_ms(), timing=state.context.timing,
        row=store.inbox.in_flight(who), worker=state.worker, kept_out=state.held, eager=state.eager,
    )  # fmt: skip
    if facts.row is not None:  # that is settled first
        return facts
    waiting = store.inbox.next_waiting(who)
    held = state.guard.holds(facts.now)
    return replace(
        facts,
        waiting=waiting,
        orphan=waiting is not None and is_orphan(store, who, waiting),
        wants_fresh=FRESH in store.flags.of(who),
        down=store.peers.is_down(who),
        backoff_until=state.guard.backoff_until if held else None,
        guarded=state.guarded and not held,
    )


async def _with_session(state: IdentityState, here: SessionState, known: Callable[[], RegisteredPeer]) -> Facts:
    store, who = state.context.store, state.identity
    row = store.inbox.in_flight(who)
    if row is not None and row.session == here.live.id and _may_be_recorded(row, here):
        record = decide.at_once(row.state, key_of(row), await here.live.read())
        if record is not None:
            return Facts(
                now=state.now(), now_ms=state.context.now_ms(), timing=state.context.timing, row=row, record=record,
                session=_session(here), worker=state.worker,
            )  # fmt: skip
    if row is not None and state.now() < _enter_due(here):  # nothing is decided before then
        return Facts(
            now=state.now(), now_ms=state.context.now_ms(), timing=state.context.timing, row=row,
            kept_out=state.held, guarded=state.guarded, session=_session(here), worker=state.worker,
        )  # fmt: skip
    profile = known().profile
    waiting = store.inbox.next_waiting(who) if row is None else None
    return Facts(
        now=state.now(), now_ms=state.context.now_ms(), timing=state.context.timing, row=row, waiting=waiting,
        orphan=waiting is not None and is_orphan(store, who, waiting),
        kept_out=state.held, guarded=state.guarded, profile=profile,
        worker=is_worker(profile) if profile is not None else state.worker, session=_session(here),
    )  # fmt: skip


def after_look(state: IdentityState, here: SessionState, facts: Facts, observation: Observation) -> Facts:
    """Add to the facts what a look told, and what is read only where it may count then."""
    store = state.context.store
    session = replace(_session(here), observation=observation)
    if facts.row is None and here.live.ready and not observation.gone:
        new = facts.worker and here.live.fresh and observation.turn.opened == 0
        used = new and store.activations.typed_before(here.live.id, "")
        session = replace(session, flags=frozenset(store.flags.of(state.identity)), used=used)
    return replace(facts, now=here.looked, now_ms=here.looked_ms, session=session)


def after_listening(facts: Facts, here: SessionState) -> Facts:
    """Add to the facts what its helpers' records told."""
    return replace(facts, session=facts.session and replace(facts.session, active=here.active, listened=True))


def after_arming(facts: Facts, here: SessionState) -> Facts:
    """Add to the facts that the session was armed."""
    session = facts.session
    return replace(facts, session=session and replace(session, active=here.active, flags=session.flags | {ARMED}))


def _may_be_recorded(row: Row, here: SessionState) -> bool:
    """Whether the transcript may hold the row, and can be read: before our Enter, the look will tell as well."""
    entered = row.state in OPEN or here.attempt is None or here.attempt.enters > 0
    return entered and _is_readable(here.live)


def _enter_due(here: SessionState) -> float:
    attempt = here.attempt
    if attempt is None or attempt.pasted is None or attempt.enters or not attempt.shown or here.live.gone:
        return 0.0
    return attempt.pasted + here.live.adapter.typing.gap_ms / 1000


def _is_readable(live: LiveSession) -> bool:
    return live.ready and not live.gone


def _session(here: SessionState) -> SessionFacts:
    live = here.live
    return SessionFacts(
        id=live.id, adapter=live.adapter, ready=live.ready, fresh=live.fresh, live_state=live.has_live_state,
        readable=_is_readable(live),
        submitted=here.attempt is not None and here.attempt.enters > 0, enter_due=_enter_due(here),
        looked=here.looked, active=here.active, working=here.working, outlasted=here.outlasted, rested=here.rested,
        people=here.people, boot=here.boot, connecting_until=live.connecting_until,
        login_due=live.login.due(awaited=False) if here.blocked == BlockedReason.LOGIN else 0.0,
    )  # fmt: skip
