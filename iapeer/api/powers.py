"""Who may do what: one table of every endpoint. What is not in it, nobody may, and the application is not built."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from iapeer.fleet.fleet import Fleet
from iapeer.mail.request import Caller
from iapeer.model.errors import Failed, Refused

if TYPE_CHECKING:
    from iapeer.api.web import Endpoint


class Standing(StrEnum):
    """What a caller is to what it asks for."""

    OPERATOR = "operator"
    OWN = "own"  # a session whose peer the path names, or whose own message or session it is
    OTHER = "other"  # any other session


EVERYBODY = frozenset(Standing)
CONCERNED = frozenset({Standing.OPERATOR, Standing.OWN})
OPERATOR = frozenset({Standing.OPERATOR})
SESSION = frozenset({Standing.OWN})

POWERS: dict[tuple[str, str], frozenset[Standing]] = {
    ("GET", "/status"): EVERYBODY,
    ("GET", "/openapi.json"): EVERYBODY,
    ("GET", "/runtimes"): EVERYBODY,
    ("GET", "/runtimes/{name}"): EVERYBODY,
    ("GET", "/verify"): OPERATOR,
    ("POST", "/daemon/stop"): OPERATOR,
    ("GET", "/peers"): EVERYBODY,
    ("POST", "/peers"): OPERATOR,
    ("GET", "/peers/{name}"): CONCERNED,
    ("PATCH", "/peers/{name}"): OPERATOR,
    ("DELETE", "/peers/{name}"): OPERATOR,
    ("POST", "/peers/{name}/runtimes"): OPERATOR,
    ("POST", "/peers/{name}/trust"): OPERATOR,
    ("POST", "/peers/{name}/move"): OPERATOR,
    ("GET", "/peers/{name}/inbox"): CONCERNED,
    ("GET", "/peers/{name}/screen"): CONCERNED,
    ("GET", "/peers/{name}/wait"): EVERYBODY,
    ("POST", "/peers/{name}/start"): OPERATOR,
    ("POST", "/peers/{name}/stop"): OPERATOR,
    ("POST", "/peers/{name}/new"): OPERATOR,
    ("POST", "/peers/{name}/interrupt"): OPERATOR,
    ("POST", "/peers/{name}/compact"): OPERATOR,
    ("POST", "/peers/{name}/refresh"): OPERATOR,
    ("POST", "/peers/{name}/attach"): OPERATOR,
    ("POST", "/peers/{name}/launch"): OPERATOR,
    ("POST", "/peers/{name}/answer"): OPERATOR,  # an agent could approve what it is asked itself
    ("GET", "/self"): SESSION,
    ("POST", "/self"): SESSION,
    ("GET", "/sessions/{name}"): CONCERNED,
    ("POST", "/send"): EVERYBODY,
    ("POST", "/send/batch"): EVERYBODY,
    ("GET", "/messages/{name}"): CONCERNED,
    ("GET", "/snapshot"): OPERATOR,
    ("GET", "/events"): OPERATOR,
    ("GET", "/events/stream"): OPERATOR,
}


def check_complete(endpoints: Iterable[Endpoint]) -> None:
    """Raise Failed for an endpoint that the table does not name: nobody has said who may use it."""
    for endpoint in endpoints:
        if (endpoint.method, endpoint.path) not in POWERS:
            raise Failed(f"{endpoint.method} {endpoint.path} is not in the table of powers: add it to api/powers.py.")


def check(caller: Caller, method: str, path: str, name: str, fleet: Fleet) -> None:
    """Raise Refused unless the table allows this caller the endpoint at `path`; `name` stands where {name} is."""
    allowed = POWERS.get((method, path), frozenset())
    if standing(caller, path, name, fleet) in allowed:
        return
    if allowed == SESSION:
        raise Refused("This is for an agent inside its session: no session's token was shown.", code="no-session")
    who, instead = "the operator", "ask a person for it"
    if Standing.OWN in allowed:
        who, instead = "the operator and for the peer that it concerns", "`iapeer list` tells of other peers"
    asked = f"{method} {path.replace('{name}', name)}"
    raise Refused(f"{caller.personality} may not do this ({asked}): it is for {who}; {instead}.", code="operator-only")


def standing(caller: Caller, path: str, name: str, fleet: Fleet) -> Standing:
    """What this caller is to the peer, session or message that is called `name` in `path`."""
    if caller == Caller():
        return Standing.OPERATOR
    return Standing.OWN if caller.personality in _concerned(caller, path, name, fleet) else Standing.OTHER


def _concerned(caller: Caller, path: str, name: str, fleet: Fleet) -> tuple[str, ...]:
    """The peers whose own affair it is; none for what does not exist, or is everybody's."""
    kind = path.split("/")[1]
    if kind == "self":
        return (caller.personality,)
    if kind == "peers":
        return (name,)
    if kind == "sessions" and (session := fleet.context.store.sessions.get(name)) is not None:
        return (session.personality,)
    if kind == "messages" and (row := fleet.context.store.inbox.row(name)) is not None:
        return row.sender, row.to
    return ()
