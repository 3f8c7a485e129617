"""A peer, and all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from typing_extensions import TypedDict

from iapeer.api.fields import MaybeMillis, Name, Nature, closed, means
from iapeer.api.peers.identity import PeerRuntime, identities_of, runtime_answer
from iapeer.api.requests import NoQuery
from iapeer.api.web import VERSION, ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.peers.consent import brief
from iapeer.peers.profile import BUILT_POLICIES
from iapeer.peers.registry import RegisteredPeer
from iapeer.peers.trust import Looked
from iapeer.store import IdentityRecord


@closed
class Peer(TypedDict):
    """A peer."""

    personality: Name
    description: Annotated[str, means("what it is for")]
    intelligence: Annotated[Nature | None, means("null: its profile cannot be read")]
    default_runtime: Annotated[str | None, means("null: its profile cannot be read")]
    cwd: Annotated[str, means("its folder")]
    wake_policy: Annotated[
        str, means("warm: one conversation; ephemeral: every message has a fresh session of its own")
    ]
    managed_by: Annotated[Literal["iapeer"], means("who starts its sessions")]
    queue_depth: Annotated[int, means("how many messages wait for it")]
    last_active_ms: MaybeMillis
    runtimes: list[PeerRuntime]
    problem: Annotated[str | None, means("what is wrong with its profile")]
    unconfirmed: Annotated[list[str], means("what its files say and does not count, for it was never confirmed")]


@closed
class Peers(TypedDict):
    """All peers."""

    api: Annotated[Literal[1], means("the version of this API")]
    peers: list[Peer]


def peer_answer(
    fleet: Fleet,
    known: RegisteredPeer,
    records: Mapping[str, IdentityRecord] | None = None,
    looked: Looked | None = None,
) -> Peer:
    """The answer about one peer. `records`, `looked`: what was read of many peers at once; None: read it."""
    profile = known.profile
    identities = identities_of(fleet, known)
    records = records if records is not None else fleet.context.store.statuses.of(identities)
    runtimes = [runtime_answer(fleet, known, who, records[who]) for who in identities]
    policy = profile.wake_policy if profile and profile.wake_policy in BUILT_POLICIES else "warm"
    return {
        "personality": known.personality,
        "description": profile.description if profile else "",
        "intelligence": profile.intelligence if profile else None,
        "default_runtime": profile.default_runtime if profile else None,
        "cwd": str(known.folder),
        "wake_policy": policy,
        "managed_by": "iapeer",
        "queue_depth": sum(runtime["waiting"] for runtime in runtimes),
        "last_active_ms": max((runtime["last_active_ms"] or 0 for runtime in runtimes), default=0) or None,
        "runtimes": runtimes,
        "problem": str(known.problem) if known.problem else None,
        "unconfirmed": brief(fleet.registry.differences(known, looked)),
    }


def all_peers(fleet: Fleet) -> list[Peer]:
    """All peers, in as many reads as for one."""
    everybody = fleet.registry.all()
    records = fleet.context.store.statuses.of([who for known in everybody for who in identities_of(fleet, known)])
    looked = Looked()
    return [peer_answer(fleet, known, records, looked) for known in everybody]


async def get_peers(call: ApiCall[None, NoQuery]) -> Peers:
    return {"api": VERSION, "peers": all_peers(call.fleet)}


ENDPOINTS = [Endpoint("GET", "/peers", get_peers, "All peers")]
