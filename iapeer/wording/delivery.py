"""What became of a message, for its sender: a person, or the model of an agent."""

from __future__ import annotations

from typing import Any

from iapeer.model.causes import SentOutcome
from iapeer.model.states import FINAL, State


def tried_again(seconds: int, peer: str, error: str | None) -> str:
    """Say when an identity that is left down is tried again, and what it died of."""
    return f"tried again in {seconds} s, or at once on `iapeer start {peer}`: {error}"


def for_agent(sent: dict[str, Any], *, waited: bool, kept: bool) -> str:
    """Tell a model what became of its message (SENT of the API). `kept`: it is only to be read there."""
    peer, ident, reply = sent["to"]["personality"], sent["id"], sent["reply"]
    if reply is not None:
        files = "".join(f"\nattached: {path}" for path in reply["attachments"])
        return f"{peer} answers (message {reply['id']}):\n{reply['body']}{files}"
    if kept:
        return f"Kept in {peer}'s inbox: nobody there waits for this or is woken. To ask it something, set wait."
    why = f" ({sent['reason']})" if sent["reason"] else ""
    state = State(sent["state"])
    if waited and state not in FINAL:
        return f"No answer yet. Message {ident} goes on{why}: the answer will come to you as a message."
    if state in FINAL - {State.DONE}:
        return f"Message {ident} to {peer} ended {state}{why}: nobody works on it any more."
    return _so_far(sent["outcome"], ident, peer, why)


def _so_far(outcome: str, ident: str, peer: str, why: str) -> str:
    hear = "you will hear if it fails."
    return {
        SentOutcome.DELIVERED: f"Delivered to {peer} as message {ident}{why}.",
        SentOutcome.QUEUED: f"Message {ident} waits for {peer}{why} and will be delivered: do not send it again.",
        SentOutcome.STRANDED: f"Message {ident} was typed to {peer} and not taken yet{why}: {hear}",
        SentOutcome.UNKNOWN: f"Message {ident} was typed to {peer} and is not proven yet{why}: {hear}",
    }[SentOutcome(outcome)]
