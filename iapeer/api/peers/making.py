"""Making a folder a peer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from iapeer.api.fields import MaybeWarning, closed, means
from iapeer.api.peers.consents import Confirmed, Said, confirmed, said
from iapeer.api.peers.peer import Peer, peer_answer
from iapeer.api.requests import Folder, NoQuery, PeerName, Request, RuntimeName
from iapeer.api.web import ApiCall, Endpoint
from iapeer.fleet.fleet import Fleet
from iapeer.model.errors import PeerError, Usage
from iapeer.model.names import PERMISSION_MODES
from iapeer.peers.consent import Difference
from iapeer.peers.profile import MAX_DESCRIPTION, POLICIES
from iapeer.peers.registry import RegisteredPeer

Policy = Annotated[str, means("a word", enum=list(POLICIES))]
Permissions = Annotated[str, means("a word", enum=list(PERMISSION_MODES))]
_TRUST = "trust"  # the name of the dialog with which an agent asks whether it may trust its folder


class NewPeer(Request):
    """POST /peers: `dir` is required unless `create` is true, then `name` is."""

    dir: Folder | None = Field(default=None, description="its folder; created: by default one of iapeer's own")
    create: bool = Field(default=False, description="make the folder")
    name: PeerName | None = Field(default=None, description="by default that of the folder")
    runtime: RuntimeName | None = Field(default=None, description="by default the first that is installed")
    description: str | None = Field(default=None, description="what it is for", max_length=MAX_DESCRIPTION)
    wake_policy: Policy | None = Field(default=None, description="warm by default")
    permissions: Permissions | None = Field(default=None, description="whether its agent asks before it acts")
    model: str | None = Field(default=None, description="its agent's model")
    trust: bool = Field(default=False, description="confirm all that its folder says already")


@closed
class Made(Said):
    """A folder that is a peer now."""

    peer: Peer
    created: Annotated[bool, means("false: it was one already")]
    confirmed: Confirmed
    trusts: Annotated[
        bool, means("whether its program's own question whether to trust the folder is answered with yes")
    ]
    taken: Annotated[list[str], means("what its folder said already, and was confirmed by `trust`")]
    warning: MaybeWarning


async def post_peers(call: ApiCall[NewPeer, NoQuery]) -> Made:
    wish, registry = call.body, call.fleet.registry
    fields = {
        "default_runtime": wish.runtime, "description": wish.description, "wake_policy": wish.wake_policy,
        "permissions": wish.permissions, "model": wish.model,
    }  # fmt: skip
    wishes = {name: value for name, value in fields.items() if value is not None}
    folder = absolute(wish.dir) if wish.dir else None
    if wish.create:
        known, created = registry.create(_required(wish.name, "name"), folder, wishes)
    else:
        known, created = registry.init(absolute(_required(wish.dir, "dir")), wishes, wish.name)
    taken: list[Difference] = []
    if wish.trust:
        known, taken = registry.confirm(known.personality, folder_only=True)
    warning = registry.missing(known.sound().default_runtime if wish.runtime is None else wish.runtime)
    return _made(call.fleet, known, created, taken, warning)


def _required(value: str | None, name: str) -> str:
    if not value:
        raise Usage(f"The request's field {name}: it is required.", code="bad-request")
    return value


def absolute(text: str) -> Path:
    """Read the path of a folder; Usage when it is not absolute."""
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise Usage(f"The folder '{text}' is not an absolute path.", code="bad-request")
    return path


def _made(fleet: Fleet, known: RegisteredPeer, created: bool, taken: list[Difference], warning: str | None) -> Made:
    return {
        "peer": peer_answer(fleet, known),
        "created": created,
        "confirmed": confirmed(fleet, known),
        **said(fleet, known),
        "trusts": any(_answers_trust(fleet, runtime) for runtime in known.terms.launches),
        "taken": [difference.text for difference in taken],
        "warning": warning,
    }


def _answers_trust(fleet: Fleet, runtime: str) -> bool:
    """Whether the adapter answers its program's question whether it may trust a folder."""
    try:
        adapter = fleet.registry.catalogue.get(runtime).adapter
    except PeerError:
        return False
    return any(dialog.name == _TRUST and dialog.steps for dialog in adapter.dialogs)


ENDPOINTS = [Endpoint("POST", "/peers", post_peers, "Make a folder a peer", NewPeer, errors=(404, 409))]
