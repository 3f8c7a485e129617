"""Consent: what the operator confirmed of a peer, what its files say otherwise, and confirming that."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from iapeer.api.fields import Nature, closed, means
from iapeer.api.peers.peer import Peer, peer_answer
from iapeer.api.requests import NoQuery, Request
from iapeer.api.web import ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.peers.registry import RegisteredPeer
from iapeer.peers.trust import confirmed_adapter, confirmed_program


@closed
class ConfirmedRuntime(TypedDict):
    """What was confirmed of a peer in one runtime."""

    runtime: Annotated[str, means("an agent program's name")]
    args: Annotated[list[str], means("start arguments")]
    variables: Annotated[list[str], means("the names of the variables it is started with; never their values")]
    program: Annotated[str | None, means("where the runtime's program was confirmed to be; null: nowhere yet")]
    own_adapter: Annotated[bool, means("whether an adapter of the user's own was confirmed for the runtime")]


@closed
class Confirmed(TypedDict):
    """What counts at a launch of a peer, whatever its files say."""

    permissions: Annotated[str, means("whether its agent asks before it acts: default, auto or bypass")]
    initial_prompt: Annotated[str, means("what a fresh session is told first")]
    intelligence: Nature
    runtimes: Annotated[list[ConfirmedRuntime], means("those that it may run in")]


class Said(TypedDict):
    """What its files say now."""

    terms: Annotated[str | None, means("stands for what they say, for POST trust; null: they cannot be read")]
    differs: Annotated[list[str], means("what they say and does not count, with what counts; for the operator's eyes")]
    unseen: Annotated[list[str], means("what counts because an earlier version had it so, which asked nobody")]


@closed
class Trusted(TypedDict):
    """A peer whose files count as they are now."""

    peer: Peer
    confirmed: Annotated[list[str], means("what was another before, and what had been unseen")]


class Trust(Request):
    """POST /peers/NAME/trust."""

    terms: str | None = Field(default=None, description="refuse if its files say another thing than this stands for")


def confirmed(fleet: Fleet, known: RegisteredPeer) -> Confirmed:
    """What counts of a peer."""
    terms, store = known.terms, fleet.context.store
    return {
        "permissions": terms.permissions,
        "initial_prompt": terms.initial_prompt,
        "intelligence": terms.intelligence,  # type: ignore[typeddict-item] # as the profile was checked to have it
        "runtimes": [
            {
                "runtime": runtime, "args": list(launch.args), "variables": sorted(launch.env),
                "program": confirmed_program(store, runtime),
                "own_adapter": confirmed_adapter(store, runtime) is not None,
            }
            for runtime, launch in sorted(terms.launches.items())
        ],
    }  # fmt: skip


def said(fleet: Fleet, known: RegisteredPeer) -> Said:
    """What the files of a peer say now."""
    proposal = fleet.registry.proposal(known)
    differing = fleet.registry.trust.differences(proposal, known.terms) if proposal is not None else []
    return {
        "terms": proposal.digest if proposal is not None else None,
        "differs": [difference.text for difference in differing],
        "unseen": [difference.text for difference in fleet.registry.trust.unseen(known.terms)],
    }


async def post_trust(call: ApiCall[Trust, NoQuery]) -> Trusted:
    known, replaced = call.fleet.registry.confirm(call.name, call.body.terms)
    for actor in call.fleet.of(known):
        actor.poke()
    return {"peer": peer_answer(call.fleet, known), "confirmed": [difference.text for difference in replaced]}


ENDPOINTS = [
    Endpoint("POST", "/peers/{name}/trust", post_trust, "Confirm what a peer's files say", Trust, errors=(409,)),
]
