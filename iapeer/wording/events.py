"""Events as people read them: a sentence where the fields alone do not tell the story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iapeer.wording import story, times
from iapeer.wording.logfmt import logfmt

Fields = dict[str, Any]


def words(event: Fields, left_out: tuple[str, ...]) -> str:
    """What an event says beside the fields that are left out: its sentence, then its other fields as logfmt."""
    tell, told = _TOLD.get(event["ev"], (None, ()))
    sentence = tell(event) if tell is not None else ""
    gone = (*left_out, *told) if sentence else left_out
    rest = logfmt({name: value for name, value in event.items() if name not in gone})
    return "  ".join(part for part in (sentence, rest) if part)


def _wake(event: Fields) -> str:
    return story.woken(event["mode"], event["cause"])


def _parking(event: Fields) -> str:
    return f"nothing happened for {times.span(event['idle_s'])}: it is put to sleep"


def _reaping(event: Fields) -> str:
    return f"{story.ENDS.get(event['cause'], event['cause'])}: its session is ended ({event['cause']})"


def _left_down(event: Fields) -> str:
    return f"it keeps dying, and is left down for {times.span(event['again_s'])}"


def _dismissed(event: Fields) -> str:
    return f"its menu was closed with {event['key']} ({event['reason']})"


def _marked(event: Fields) -> str:
    mark, why = event["mark"], event.get("why")
    because = f", for {story.ARMS.get(why, why)}" if why else ""
    return f"{story.MARKS.get(mark, mark)}{because} ({mark}{f': {why}' if why else ''})"


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
    told = story.waits(state, reason, event.get("personality") or "") if reason else ""
    return told if told == reason or state == "held" or not told else f"{told} ({reason})"


# By kind: how it is told, and the fields that are then said.
_TOLD: dict[str, tuple[Callable[[Fields], str], tuple[str, ...]]] = {
    "wake": (_wake, ("mode", "cause")),
    "session_ended": (story.ended, ("cause", "exit_code", "signal")),
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
