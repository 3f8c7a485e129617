"""One peer in full: its profile, what counts of it, and how it would be woken."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from iapeer.actors.resuming import resume_candidate
from iapeer.actors.wakefacts import outlook
from iapeer.api.fields import AbsolutePath, closed, means
from iapeer.api.messages.row import Row, row_answer
from iapeer.api.peers.consents import Confirmed, Said, confirmed, said
from iapeer.api.peers.identity import identities_of
from iapeer.api.peers.peer import Peer, peer_answer
from iapeer.api.requests import NoQuery
from iapeer.api.sessions.record import Session, session_answer
from iapeer.api.web import ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.model.names import identity
from iapeer.peers.profile import Profile
from iapeer.peers.registry import RegisteredPeer

ProfileDict = Annotated[dict[str, Any], WithJsonSchema(Profile.model_json_schema(mode="serialization"))]


@closed
class Outlook(TypedDict):
    """How a runtime that sleeps would be woken by a message."""

    runtime: Annotated[str, means("an agent program's name")]
    whose: Annotated[
        Literal["person", "agent", "old-topic", "new-topic"],
        means("a person's or an agent's without a topic; or one on a topic of the last session, or on another"),
    ]
    mode: Annotated[Literal["fresh", "resume"], means("whether it would begin a conversation or go on with its last")]
    cause: Annotated[str, means("why it would be launched so")]


@closed
class Shown(Said):
    """One peer, with its profile."""

    peer: Peer
    profile: Annotated[ProfileDict | None, means("its profile as it is read; null: it cannot be")]
    profile_path: AbsolutePath
    confirmed: Confirmed
    last_session: Session | None
    lost: Annotated[str | None, means("why its last conversation cannot be resumed; null: it can")]
    next: Annotated[list[Row], means("the message that each runtime takes next, if one waits")]
    outlook: Annotated[list[Outlook], means("how messages would wake the runtimes that do not live now")]


async def get_peer(call: ApiCall[None, NoQuery]) -> Shown:
    known = call.fleet.registry.get(call.name)
    store = call.fleet.context.store
    sessions = store.sessions.newest(known.personality, 1)
    waiting = [store.inbox.next_waiting(who) for who in identities_of(call.fleet, known)]
    profile = known.written.model_dump(mode="json") if known.written else None
    return {
        "peer": peer_answer(call.fleet, known),
        "profile": profile,
        "profile_path": str(known.folder / ".iapeer" / "peer-profile.json"),
        "confirmed": confirmed(call.fleet, known),
        **said(call.fleet, known),
        "last_session": session_answer(sessions[0]) if sessions else None,
        "lost": _lost(call.fleet, known),
        "next": [row_answer(call.fleet, row) for row in waiting if row is not None],
        "outlook": _outlook(call.fleet, known),
    }


def _outlook(fleet: Fleet, known: RegisteredPeer) -> list[Outlook]:
    """How messages would wake what does not live now."""
    asleep = [status for who in identities_of(fleet, known) if not (status := fleet.status(who)).lives]
    return [
        {"runtime": status.runtime, "whose": cast("Any", whose), "mode": cast("Any", wake.mode), "cause": wake.cause}
        for status in asleep for whose, wake in outlook(fleet.context, status.identity, known.sound()).items()
    ]  # fmt: skip


def _lost(fleet: Fleet, known: RegisteredPeer) -> str | None:
    """Why a peer that sleeps cannot go on with what it last talked about, in its default runtime; None: it can."""
    if known.profile is None:
        return None
    who = identity(known.profile.default_runtime, known.personality)
    candidate = resume_candidate(fleet.context, who)
    return candidate.why if fleet.status(who).session is None and candidate.lost else None


ENDPOINTS = [Endpoint("GET", "/peers/{name}", get_peer, "One peer, with its profile")]
