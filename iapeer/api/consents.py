"""Consent: what the operator confirmed of a peer, what its files say otherwise, and confirming that."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema, with_config
from typing_extensions import TypedDict

from iapeer.api import answers, views
from iapeer.api.answers import Path, Warning, told
from iapeer.api.models import NoQuery, Request
from iapeer.api.web import Call, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.model.errors import PeerError
from iapeer.peers.consent import Difference
from iapeer.peers.profile import Profile
from iapeer.peers.registry import Known
from iapeer.peers.trust import confirmed_adapter, confirmed_program

_closed = with_config(ConfigDict(extra="forbid"))
ProfileDict = Annotated[dict[str, Any], WithJsonSchema(Profile.model_json_schema(mode="serialization"))]
_TRUST = "trust"  # the name of the dialog with which an agent asks whether it may trust its folder


@_closed
class ConfirmedRuntime(TypedDict):
    """What was confirmed of a peer in one runtime."""

    runtime: Annotated[str, told("an agent program's name")]
    args: Annotated[list[str], told("start arguments")]
    variables: Annotated[list[str], told("the names of the variables it is started with; never their values")]
    program: Annotated[str | None, told("where the runtime's program was confirmed to be; null: nowhere yet")]
    own_adapter: Annotated[bool, told("whether an adapter of the user's own was confirmed for the runtime")]


@_closed
class Confirmed(TypedDict):
    """What counts at a launch of a peer, whatever its files say."""

    permissions: Annotated[str, told("whether its agent asks before it acts: default, auto or bypass")]
    initial_prompt: Annotated[str, told("what a fresh session is told first")]
    intelligence: answers.Nature
    runtimes: Annotated[list[ConfirmedRuntime], told("those that it may run in")]


class Said(TypedDict):
    """What its files say now."""

    terms: Annotated[str | None, told("stands for what they say, for POST trust; null: they cannot be read")]
    differs: Annotated[list[str], told("what they say and does not count, with what counts; for the operator's eyes")]
    unseen: Annotated[list[str], told("what counts because an earlier version had it so, which asked nobody")]


@_closed
class Shown(Said):
    """One peer, with its profile."""

    peer: answers.Peer
    profile: Annotated[ProfileDict | None, told("its profile as it is read; null: it cannot be")]
    profile_path: Path
    confirmed: Confirmed
    last_session: answers.Session | None
    lost: Annotated[str | None, told("why its last conversation cannot be resumed; null: it can")]
    next: Annotated[list[answers.Row], told("the message that each runtime takes next, if one waits")]
    outlook: Annotated[list[answers.Outlook], told("how messages would wake the runtimes that do not live now")]


@_closed
class Made(Said):
    """A folder that is a peer now."""

    peer: answers.Peer
    created: Annotated[bool, told("false: it was one already")]
    confirmed: Confirmed
    trusts: Annotated[bool, told("whether its program's own question whether to trust the folder is answered with yes")]
    taken: Annotated[list[str], told("what its folder said already, and was confirmed by `trust`")]
    warning: Warning


@_closed
class Trusted(TypedDict):
    """A peer whose files count as they are now."""

    peer: answers.Peer
    confirmed: Annotated[list[str], told("what was another before, and what had been unseen")]


class Trust(Request):
    """POST /peers/NAME/trust."""

    terms: str | None = Field(default=None, description="refuse if its files say another thing than this stands for")


def confirmed(fleet: Fleet, known: Known) -> Confirmed:
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


def said(fleet: Fleet, known: Known) -> Said:
    """What its files say now."""
    proposal = fleet.registry.proposal(known)
    differing = fleet.registry.trust.differences(proposal, known.terms) if proposal is not None else []
    return {
        "terms": proposal.digest if proposal is not None else None,
        "differs": [each.text for each in differing],
        "unseen": [each.text for each in fleet.registry.trust.unseen(known.terms)],
    }


def made(fleet: Fleet, known: Known, created: bool, taken: list[Difference], warning: str | None) -> Made:
    """A peer that was asked for."""
    return {
        "peer": views.peer(fleet, known),
        "created": created,
        "confirmed": confirmed(fleet, known),
        **said(fleet, known),
        "trusts": any(_answers_trust(fleet, runtime) for runtime in known.terms.launches),
        "taken": [each.text for each in taken],
        "warning": warning,
    }


def _answers_trust(fleet: Fleet, runtime: str) -> bool:
    try:
        adapter = fleet.registry.catalogue.get(runtime).adapter
    except PeerError:
        return False
    return any(dialog.name == _TRUST and dialog.steps for dialog in adapter.dialogs)


async def post_trust(call: Call[Trust, NoQuery]) -> Trusted:
    known, taken = call.fleet.registry.confirm(call.name, call.body.terms)
    for actor in call.fleet.of(known):
        actor.poke()
    return {"peer": views.peer(call.fleet, known), "confirmed": [each.text for each in taken]}


ENDPOINTS = [
    Endpoint("POST", "/peers/{name}/trust", post_trust, "Confirm what a peer's files say", Trust, errors=(409,)),
]
