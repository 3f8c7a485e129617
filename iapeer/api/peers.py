"""Peers: made, shown, changed, moved and removed."""

from __future__ import annotations

from pathlib import Path

from iapeer.api import answers, consents, views
from iapeer.api.models import Change, Force, Move, NewPeer, NoQuery, Runtime
from iapeer.api.web import Call, Endpoint
from iapeer.fleet.control import move, remove
from iapeer.model.errors import Usage
from iapeer.model.names import OPERATOR
from iapeer.model.states import FINAL
from iapeer.peers.consent import Difference

_AT_ONCE = frozenset({"idle_secs", "timeout_secs", "unarmed_secs"})  # fields that count for a session that lives


async def get_peers(call: Call[None, NoQuery]) -> answers.Peers:
    return {"api": views.API, "peers": views.peers(call.fleet)}


async def post_peers(call: Call[NewPeer, NoQuery]) -> consents.Made:
    wish, registry = call.body, call.fleet.registry
    fields = {
        "default_runtime": wish.runtime, "description": wish.description, "wake_policy": wish.wake_policy,
        "permissions": wish.permissions, "model": wish.model,
    }  # fmt: skip
    wishes = {name: value for name, value in fields.items() if value is not None}
    folder = _absolute(wish.dir) if wish.dir else None
    if wish.create:
        known, created = registry.create(_required(wish.name, "name"), folder, wishes)
    else:
        known, created = registry.init(_absolute(_required(wish.dir, "dir")), wishes, wish.name)
    taken: list[Difference] = []
    if wish.trust:
        known, taken = registry.confirm(known.personality, folder_only=True)
    warning = registry.missing(known.sound().default_runtime if wish.runtime is None else wish.runtime)
    return consents.made(call.fleet, known, created, taken, warning)


def _required(value: str | None, name: str) -> str:
    if not value:
        raise Usage(f"The request's field {name}: it is required.", code="bad-request")
    return value


def _absolute(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise Usage(f"The folder '{text}' is not an absolute path.", code="bad-request")
    return path


async def get_peer(call: Call[None, NoQuery]) -> consents.Shown:
    known = call.fleet.registry.get(call.name)
    store = call.fleet.context.store
    sessions = store.sessions.newest(known.personality, 1)
    waiting = [store.inbox.next_waiting(who) for who in views.identities_of(call.fleet, known)]
    profile = known.written.model_dump(mode="json") if known.written else None
    return {
        "peer": views.peer(call.fleet, known),
        "profile": profile,
        "profile_path": str(known.folder / ".iapeer" / "peer-profile.json"),
        "confirmed": consents.confirmed(call.fleet, known),
        **consents.said(call.fleet, known),
        "last_session": views.session(sessions[0]) if sessions else None,
        "lost": views.lost(call.fleet, known),
        "next": [views.row(call.fleet, row) for row in waiting if row is not None],
        "outlook": views.outlook(call.fleet, known),
    }


async def patch_peer(call: Call[Change, NoQuery]) -> answers.Changed:
    known, changed = call.fleet.registry.change(call.name, dict(call.body.fields))
    for actor in call.fleet.of(known):
        actor.poke()  # it may be time to sleep now
    late = not _AT_ONCE.issuperset(changed) and any(actor.at.running is not None for actor in call.fleet.of(known))
    note = f"{known.personality} is live: its next session takes this on." if late else None
    return {"peer": views.peer(call.fleet, known), "changed": changed, "note": note}


async def post_runtimes(call: Call[Runtime, NoQuery]) -> answers.Warned:
    known = call.fleet.registry.add_runtime(call.name, call.body.runtime)
    return {"peer": views.peer(call.fleet, known), "warning": call.fleet.registry.missing(call.body.runtime)}


async def post_move(call: Call[Move, NoQuery]) -> answers.Warned:
    known, warning = await move(call.fleet, call.fleet.registry.get(call.name), _absolute(call.body.dir))
    return {"peer": views.peer(call.fleet, known), "warning": warning}


async def delete_peer(call: Call[None, Force]) -> answers.Removed:
    known = call.fleet.registry.get(call.name)
    await remove(call.fleet, known, call.query.force)
    return {"removed": known.personality, "cwd": str(known.folder)}


async def get_inbox(call: Call[None, NoQuery]) -> answers.Inbox:
    if call.name != OPERATOR:
        call.fleet.registry.get(call.name)
    store = call.fleet.context.store
    rows = store.inbox.recent(call.name)
    shown = sum(row.state not in FINAL for row in rows)
    return {
        "rows": [views.row(call.fleet, row) for row in rows],
        "more": store.inbox.count_unfinished(call.name) - shown,
    }


ENDPOINTS = [
    Endpoint("GET", "/peers", get_peers, "All peers"),
    Endpoint("POST", "/peers", post_peers, "Make a folder a peer", NewPeer, errors=(404, 409)),
    Endpoint("GET", "/peers/{name}", get_peer, "One peer, with its profile"),
    Endpoint("PATCH", "/peers/{name}", patch_peer, "Change fields of a peer's profile", Change, errors=(409,)),
    Endpoint("DELETE", "/peers/{name}", delete_peer, "Forget a peer; its folder stays", query=Force, errors=(409,)),
    Endpoint("POST", "/peers/{name}/runtimes", post_runtimes, "Give a peer another runtime", Runtime, errors=(409,)),
    Endpoint("POST", "/peers/{name}/move", post_move, "Record that a peer's folder was moved", Move, errors=(409,)),
    Endpoint("GET", "/peers/{name}/inbox", get_inbox, "The messages of a peer, or of the operator"),
]
