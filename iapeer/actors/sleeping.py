"""The facts behind sleep and waking: what the profile, the record and the last look say, for the pure decisions."""

from __future__ import annotations

import asyncio

from iapeer.actors.resuming import Talk
from iapeer.actors.station import Station
from iapeer.actors.waking import Call, Manner, Past, Wake, past_of, wake
from iapeer.peers.profile import Profile
from iapeer.sessions.live import LiveSession
from iapeer.sessions.observation import Observation, activity, background
from iapeer.store import REFRESH, Row, SessionRecord

JUMP_S = 10.0  # by so much may wall time and a process' age differ: it is started a while after its session


def decided(at: Station, profile: Profile | None, call: Call, talk: Talk) -> Wake:
    """What the table says of waking this identity now. A profile that cannot be read is the launch's to refuse."""
    past: Past = past_of(talk.last, resumable=talk.why is None, boot=at.context.machine.processes.boot_id())
    return wake(call, past, _manner(at, profile) if profile is not None else Manner())


def outlook(at: Station, profile: Profile, talk: Talk) -> dict[str, Wake]:
    """What the table would say now of a message of a person or an agent without a topic, on an old topic, on a new one.

    `old-topic` is left out where the last session has none.
    """
    calls = {"person": Call("message", person=True), "agent": Call("message")}
    if talk.last is not None and talk.last.topics_list:
        calls["old-topic"] = Call("message", talk.last.topics_list[-1])
    calls["new-topic"] = Call("message", "\0")  # no topic that is accepted
    return {whose: decided(at, profile, call, talk) for whose, call in calls.items()}


def _manner(at: Station, profile: Profile) -> Manner:
    return Manner(
        ephemeral=profile.wake_policy == "ephemeral",
        always=profile.resume == "always",
        refresh=REFRESH in at.context.store.flags.of(at.identity),
        faces_person=profile.intelligence == "natural",
    )


def call_of(at: Station, row: Row, last: SessionRecord | None) -> Call:
    """A message, as far as waking depends on it."""
    person = row.sender_intelligence == "natural"
    return Call("message", row.topic, person, _answers_own_question(at, row, last), row.message)


def _answers_own_question(at: Station, row: Row, last: SessionRecord | None) -> bool:
    """Whether it answers what the last session asked."""
    asked = at.context.store.inbox.row(row.re) if row.re is not None else None
    if asked is None or last is None or (asked.sender, asked.sender_runtime) != (at.personality, at.runtime):
        return False
    return at.context.store.events.came_after(asked.message, last)


async def sleeps_at(at: Station, idle_s: int) -> float:
    """When the session is due to sleep. What its helpers record is read only when it seems to be."""
    if at.now() >= at.active + idle_s:
        at.heard(await asyncio.to_thread(at.live().beside_ms))
    return at.active + idle_s


def active_before(at: Station, running: LiveSession) -> float:
    """When something last happened in a session that was found again."""
    at.last_ms = last = running.glimpse().last_ms
    return at.now() - (_rest_s(at, running, last) if last is not None else 0.0)


def _rest_s(at: Station, running: LiveSession, last_ms: int) -> float:
    """How long a session that was found again has been at rest, in seconds. A clock set forward adds nothing."""
    record, ran = at.context.store.sessions.get(running.id), at.context.machine.processes.age(running.pid)
    jumped = 0.0
    if record is not None and ran is not None:
        jumped = (at.context.now_ms() - record.started_ms) / 1000 - ran
    return max(0.0, (at.context.now_ms() - last_ms) / 1000 - (jumped if jumped > JUMP_S else 0.0))


def may_park(observation: Observation, now_ms: int) -> bool:
    """Whether nobody and nothing would be cut off: no turn, no dialog or draft, no work beside it, no person."""
    free = activity(observation, now_ms)[0] == "idle" and not background(observation)
    return free and not observation.people and not observation.in_mode
