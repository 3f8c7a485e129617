"""Events as people read them: a sentence for those whose fields alone do not say what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iapeer.wording import causes, logfmt, times
from iapeer.wording.text import visible

Fields = dict[str, Any]


def describe(event: Fields, left_out: tuple[str, ...]) -> str:
    """Write what an event says beside the fields that are left out: its sentence, then its other fields as logfmt."""
    tell, fields = _SENTENCES.get(event["ev"], (None, ()))
    sentence = tell(event) if tell is not None else ""
    gone = (*left_out, *fields) if sentence else left_out
    rest = logfmt.write({name: value for name, value in event.items() if name not in gone})
    return "  ".join(part for part in (sentence, rest) if part)


def _wake(event: Fields) -> str:
    return causes.woken(event["mode"], event["cause"])


def _parking(event: Fields) -> str:
    return f"nothing happened for {times.span(event['idle_s'])}: it is put to sleep"


def _reaping(event: Fields) -> str:
    return f"{causes.ENDS.get(event['cause'], event['cause'])}: its session is ended ({event['cause']})"


def _left_down(event: Fields) -> str:
    return f"it keeps dying, and is left down for {times.span(event['again_s'])}"


def _dismissed(event: Fields) -> str:
    return f"its menu was closed with {event['key']} ({event['reason']})"


def _marked(event: Fields) -> str:
    mark, why = event["mark"], event.get("why")
    because = f", for {causes.ARMS.get(why, why)}" if why else ""
    return f"{causes.MARKS.get(mark, mark)}{because} ({mark}{f': {why}' if why else ''})"


def _unmarked(event: Fields) -> str:
    return f"what was noted is done with ({event['mark']})"


def _not_resumed(event: Fields) -> str:
    return f"its last conversation cannot be resumed: {event['why']}"


def _unchecked_version(event: Fields) -> str:
    return str(event["warning"])


def _left_behind(event: Fields) -> str:
    return f"processes of another user live on, and only that user may end them: {event['pids']}"


def _renewed(_: Fields) -> str:
    return "the file of its tmux socket was removed, and is there again"


def _unconfirmed(event: Fields) -> str:
    return f"its files say what was not confirmed and does not count: {event['what']}"


def _trusted(event: Fields) -> str:
    how = "taken over from an earlier version" if event["cause"] == "adopted" else "confirmed"
    return f"{how}: {event['what']}"


def _waits(event: Fields) -> str:
    reason = event.get("reason")
    state = "held" if event["ev"] == "held" else "queued"
    sentence = causes.waits(state, reason, event.get("personality") or "") if reason else ""
    return sentence if sentence in ("", reason) or state == "held" else f"{sentence} ({reason})"


# By kind: how its sentence is made, and the fields that are then said.
_SENTENCES: dict[str, tuple[Callable[[Fields], str], tuple[str, ...]]] = {
    "wake": (_wake, ("mode", "cause")),
    "session_ended": (causes.ended, ("cause", "exit_code", "signal")),
    "parking": (_parking, ("idle_s",)),
    "reaping": (_reaping, ("cause",)),
    "guard": (_left_down, ("again_s",)),
    "dismissed": (_dismissed, ("key", "reason")),
    "marked": (_marked, ("mark", "why")),
    "unmarked": (_unmarked, ("mark",)),
    "not_resumed": (_not_resumed, ("why",)),
    "unchecked_version": (_unchecked_version, ("version", "warning")),
    "left_behind": (_left_behind, ("pids",)),
    "socket_renewed": (_renewed, ()),
    "unconfirmed": (_unconfirmed, ("what",)),
    "trusted": (_trusted, ("what", "cause")),
    "waiting": (_waits, ("reason",)),
    "held": (_waits, ("reason",)),
}
# By kind: the phase of a message or a start that begins with it.
_PHASES = {
    "accepted": "accepted",
    "wake": "starting the agent",
    "session_opened": "the agent boots",
    "ready": "the agent is ready",
    "leased": "about to type",
    "typed": "typed, waiting for the proof",
    "delivered": "delivered, its turn runs",
    "session_ended": "the session ended",
}


def phase(event: dict[str, Any]) -> str:
    """Name the phase that an event begins, for a person who waits."""
    word = str(event.get("ev"))
    if word == "accepted" and event.get("to") == "queued":
        return visible(f"queued; `iapeer show {event.get('personality')}` tells what it waits for")
    reason = event.get("reason")
    return visible(_PHASES.get(word, word.replace("_", " ")) + (f": {reason}" if isinstance(reason, str) else ""))
