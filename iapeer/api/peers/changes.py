"""Changing a peer: its profile, its runtimes, its folder; and forgetting it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from iapeer.api.fields import MaybeWarning, Name, closed, means
from iapeer.api.peers.making import absolute
from iapeer.api.peers.peer import Peer, peer_answer
from iapeer.api.requests import Folder, NoQuery, Query, Request, RuntimeName
from iapeer.api.web import ApiCall, Endpoint
from iapeer.fleet.control import move, remove
from iapeer.peers.registry import CHANGEABLE

_AT_ONCE = frozenset({"idle_secs", "timeout_secs", "unarmed_secs"})  # fields that count for a session that lives


class Change(Request):
    """PATCH /peers/NAME."""

    fields: Annotated[
        dict[str, JsonValue],
        Field(
            min_length=1, description="fields of the profile; null takes one back to its default",
            json_schema_extra={"propertyNames": {"enum": list(CHANGEABLE)}},
        ),
    ]  # fmt: skip


class Runtime(Request):
    """POST /peers/NAME/runtimes."""

    runtime: RuntimeName


class Move(Request):
    """POST /peers/NAME/move."""

    dir: Folder


class Force(Query):
    """DELETE /peers/NAME."""

    force: bool = Field(default=False, description="end its session and drop its messages")


@closed
class Changed(TypedDict):
    """A peer whose profile was changed."""

    peer: Peer
    changed: Annotated[list[str], means("the fields that are another now")]
    note: Annotated[str | None, means("when the change takes effect, if not at once")]


@closed
class Warned(TypedDict):
    """A peer that was given a runtime, or moved."""

    peer: Peer
    warning: MaybeWarning


@closed
class Removed(TypedDict):
    """A peer that is forgotten."""

    removed: Name
    cwd: Annotated[str, means("its folder, which stays")]


async def patch_peer(call: ApiCall[Change, NoQuery]) -> Changed:
    known, changed = call.fleet.registry.change(call.name, dict(call.body.fields))
    for actor in call.fleet.of(known):
        actor.poke()  # it may be time to sleep now
    late = not _AT_ONCE.issuperset(changed) and bool(call.fleet.live_identities(known))
    note = f"{known.personality} is live: its next session takes this on." if late else None
    return {"peer": peer_answer(call.fleet, known), "changed": changed, "note": note}


async def post_runtimes(call: ApiCall[Runtime, NoQuery]) -> Warned:
    known = call.fleet.registry.add_runtime(call.name, call.body.runtime)
    return {"peer": peer_answer(call.fleet, known), "warning": call.fleet.registry.missing(call.body.runtime)}


async def post_move(call: ApiCall[Move, NoQuery]) -> Warned:
    known, warning = await move(call.fleet, call.fleet.registry.get(call.name), absolute(call.body.dir))
    return {"peer": peer_answer(call.fleet, known), "warning": warning}


async def delete_peer(call: ApiCall[None, Force]) -> Removed:
    known = call.fleet.registry.get(call.name)
    await remove(call.fleet, known, call.query.force)
    return {"removed": known.personality, "cwd": str(known.folder)}


ENDPOINTS = [
    Endpoint("PATCH", "/peers/{name}", patch_peer, "Change fields of a peer's profile", Change, errors=(409,)),
    Endpoint("DELETE", "/peers/{name}", delete_peer, "Forget a peer; its folder stays", query=Force, errors=(409,)),
    Endpoint("POST", "/peers/{name}/runtimes", post_runtimes, "Give a peer another runtime", Runtime, errors=(409,)),
    Endpoint("POST", "/peers/{name}/move", post_move, "Record that a peer's folder was moved", Move, errors=(409,)),
]
