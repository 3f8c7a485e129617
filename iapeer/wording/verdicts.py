"""What became of a message that was sent, as its sender is told. Imports are few: `iapeer send` pays."""

from __future__ import annotations

from iapeer.wording.text import ordinal
from iapeer.wording.times import took

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from typing import Any

ENDED_BADLY = ("failed", "dead", "cancelled", "dropped", "expired")
_DIALOG = "`iapeer peek {peer}` shows it, `iapeer answer {peer} KEY` answers it"
# What a person can do about that which a message waits for, or may wait for.
WAYS_OUT = {
    "stopped": "`iapeer start {peer}` lets it go",
    "guard": "`iapeer start {peer}` tries at once",
    "attached": "it goes on once whoever is attached has left",
    **dict.fromkeys(("dialog", "permission", "question", "unknown-dialog"), _DIALOG),
}
_LOOK = "`iapeer peek {peer}` shows what it does"


def sentence(sent: dict[str, Any], wait: str | None) -> str:
    """Say what became of a message, as the API answered it. `wait`: what was waited for (delivered, done, reply)."""
    peer, whom = _names(sent)
    ident, reason, outcome = sent.get("id"), sent.get("reason"), sent.get("outcome")
    because = f": {reason}" if reason else ""
    if wait == "reply" and (sent.get("reply") or outcome in ("delivered", "queued")):
        return _answer(sent, peer, whom)
    if outcome == "queued" and reason == "informational":
        return f"kept in the inbox of {peer}, to be read there: it wakes nobody (id {ident})"
    if outcome == "queued" and reason == "ephemeral":
        return f"queued for {peer}{_place(sent.get('depth'))} (id {ident}); each task has a session of its own"
    if outcome == "queued":
        place = "" if reason == "scheduled" else _place(sent.get("depth"))
        more = sent.get("detail") or WAYS_OUT.get(str(reason), "").format(peer=peer)
        return f"queued for {peer}{because}{place} (id {ident})" + (f"; {more}" if more else "")
    if outcome == "refused":
        return f"refused for {peer}{because}"
    if outcome != "delivered":
        return f"{outcome} at {whom}{because}: typed, and not proven to be read; see `iapeer message {ident}`"
    return _delivered(sent, wait, whom) + f"{because} (id {ident})"


def _answer(sent: dict[str, Any], peer: str, whom: str) -> str:
    """Speak of the answer that was waited for."""
    ident, state, reason = sent.get("id"), sent.get("state"), sent.get("reason")
    if sent.get("reply"):
        return f"answered by {whom} in {_took(sent)} (id {ident}, answer {sent['reply'].get('id')})"
    if state == "done":
        return f"{whom} ended its turn without an answer: see `iapeer message {ident}` or `iapeer peek`"
    why = "a session of its own is to begin for it" if reason == "ephemeral" else reason
    stands = f"{state}: {why}" if why and why != state else f"{state}"
    if state in ENDED_BADLY:
        return f"{whom} has not answered, and will not ({stands}): see `iapeer message {ident}`"
    way = WAYS_OUT.get(str(reason), _LOOK if state == "running" else "").format(peer=peer)
    later = f"it will still come: `iapeer message {ident} --wait reply`"
    return f"no answer from {whom} yet ({stands}); " + (f"{way}; " if way else "") + later


def _delivered(sent: dict[str, Any], wait: str | None, whom: str) -> str:
    state = sent.get("state")
    word = state if wait == "done" and state not in (None, "running") else "delivered"
    link = "by" if word == "done" else "to" if word == "delivered" else "at"
    end = f", and its turn has not ended ({state})" if wait == "done" and word == "delivered" else ""
    return f"{word} {link} {whom} in {_took(sent)}{end}"


def _names(sent: dict[str, Any]) -> tuple[str, str]:
    to = sent.get("to") or {}
    return str(to.get("personality")), f"{to.get('runtime')}/{to.get('personality')}"


def _took(sent: dict[str, Any]) -> str:
    return took(float(sent.get("took_ms") or 0))


def _place(depth: object) -> str:
    return f", {ordinal(depth)} in line" if isinstance(depth, int) and depth > 0 else ""
