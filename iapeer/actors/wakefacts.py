"""The facts behind a wake: what profile, record and flags say, for the pure table in `lifecycle/wake`."""

from __future__ import annotations

from iapeer.actors.lifecycle.wake import Manner, Past, Wake, WakeRequest, past_of, wake
from iapeer.actors.resuming import ResumeCandidate, resume_candidate
from iapeer.model.names import split_identity
from iapeer.peers.profile import Profile
from iapeer.sessions.context import Context
from iapeer.store import REFRESH, Row, SessionRecord


def decided(
    context: Context, identity: str, profile: Profile | None, request: WakeRequest, candidate: ResumeCandidate
) -> Wake:
    """What the table says of waking this identity now. A profile that cannot be read is the launch's to refuse."""
    past: Past = past_of(candidate.last, resumable=candidate.why is None, boot=context.machine.processes.boot_id())
    return wake(request, past, _manner(context, identity, profile) if profile is not None else Manner())


def outlook(context: Context, identity: str, profile: Profile) -> dict[str, Wake]:
    """What the table would say now of a message of a person or an agent without a topic, on an old topic, on a new one.

    `old-topic` is left out where the last session has none.
    """
    requests = {"person": WakeRequest("message", person=True), "agent": WakeRequest("message")}
    candidate = resume_candidate(context, identity)
    last = candidate.last
    if last is not None and last.topics_list:
        requests["old-topic"] = WakeRequest("message", last.topics_list[-1])
    requests["new-topic"] = WakeRequest("message", "\0")  # no topic that is accepted
    return {whose: decided(context, identity, profile, request, candidate) for whose, request in requests.items()}


def _manner(context: Context, identity: str, profile: Profile) -> Manner:
    return Manner(
        ephemeral=profile.wake_policy == "ephemeral",
        always=profile.resume == "always",
        refresh=REFRESH in context.store.flags.of(identity),
        faces_person=profile.intelligence == "natural",
    )


def request_of(context: Context, identity: str, row: Row, last: SessionRecord | None) -> WakeRequest:
    """What the row asks for, as far as waking depends on it. `last`: the session that a wake may go back to."""
    person = row.sender_intelligence == "natural"
    return WakeRequest("message", row.topic, person, _answers_own_question(context, identity, row, last), row.message)


def _answers_own_question(context: Context, identity: str, row: Row, last: SessionRecord | None) -> bool:
    """Whether it answers what the last session asked."""
    asked = context.store.inbox.row(row.re) if row.re is not None else None
    runtime, personality = split_identity(identity)
    if asked is None or last is None or (asked.sender, asked.sender_runtime) != (personality, runtime):
        return False
    return context.store.events.came_after(asked.message, last)
