"""Why a peer sleeps, was woken as it was, ended, or keeps a message waiting: the house's words as sentences."""

from __future__ import annotations

from typing import Any

from iapeer.model.causes import ArmReason, EndCause, WaitReason, WakeCause, WakeMode

# Why a session was launched.
WAKES: dict[str, str] = {
    WakeCause.FIRST_WAKE: "it had never run before",
    WakeCause.FOLDER_LAUNCH: "a person began it in the peer's folder",
    WakeCause.NEW: "`iapeer new` asked for one",
    WakeCause.EAGER: "its agent asked for one (`iapeer self fresh`)",
    WakeCause.REFRESH: "`iapeer refresh` had asked for one",
    WakeCause.ATTACH: "a person wanted its last conversation",
    WakeCause.ATTACH_NOTHING: "a person wanted its last conversation, and there is none",
    WakeCause.EPHEMERAL_POLICY: "every message to a worker has a session of its own",
    WakeCause.OWN_QUESTION: "the message answers what its last session asked",
    WakeCause.REBOOT: "the machine was restarted under it",
    WakeCause.CRASH: "what ended by itself is not resumed by a message",
    WakeCause.PARKED_HUMAN: "it slept, and a person, `iapeer start` or its profile (resume: always) goes on with it",
    WakeCause.PARKED_NO_TOPIC: "it slept, and another agent's message without a topic is no part of its conversation",
    WakeCause.PARKED_NEW_TOPIC: "it slept, and the topic is none of its conversation's",
    WakeCause.PARKED_RESUME: "it slept, and the topic is one of its conversation's",
}
# Fresh only where nothing is left to resume.
_RESUMING = frozenset({WakeCause.REBOOT, WakeCause.PARKED_HUMAN, WakeCause.PARKED_RESUME})
# Why a session ended.
ENDS: dict[str, str] = {
    EndCause.PARKED: "put to sleep, for nothing happened for idle_secs; its conversation stays",
    EndCause.REAPED: "its task was done",
    EndCause.UNARMED: "it gave no result, and nothing happened for unarmed_secs",
    EndCause.TIMEOUT: "its turn took longer than timeout_secs",
    EndCause.STOP: "it was stopped (`iapeer stop`)",
    EndCause.NEW: "a fresh session took its place (`iapeer new`)",
    EndCause.FRESH: "its agent asked for a fresh session in its place (`iapeer self fresh`)",
    EndCause.EXIT: "its agent ended",
    EndCause.LAUNCH_FAILED: "it did not come up",
    EndCause.NOT_RESUMED: "its agent did not know the conversation that it was to go on with",
    EndCause.LOST: "it was found dead when the daemon came back",
    EndCause.UNKNOWN: "nobody saw why",
}
_SHORT_ENDS: dict[str, str] = {
    EndCause.LAUNCH_FAILED: "did not start",
    EndCause.LOST: "found dead",
    EndCause.STOP: "was stopped",
}
# What releases a held message.
HELD = {
    "stopped": "until `iapeer start {peer}`",
    "attached": "until whoever is attached has left",
    "loop": "until two agents, which were too fast, have waited",
    "awaited": "until a call that waits for it has taken it",
    "guard": "until its agent, which keeps dying, is tried again",
}
# What a queued message waits for.
WAITS: dict[str, str] = {
    WaitReason.EPHEMERAL: "waits for a session of its own",
    WaitReason.BUSY: "waits for the end of the turn before it",
    WaitReason.WAKING: "waits for its session to start",
    WaitReason.UNREACHABLE: "its session lives and cannot be reached; that is tried again by itself",
    WaitReason.CONNECTING: "waits for its agent to connect to iapeer",
    WaitReason.GUARD: HELD["guard"],
    WaitReason.SCHEDULED: "waits for its time",
    WaitReason.DIALOG: "waits for a person to answer a dialog (`iapeer peek {peer}`)",
    WaitReason.LOGIN: "waits for a person to log its agent in (`iapeer attach {peer}`)",
    WaitReason.QUOTA: "waits for its agent's usage limit to be reset",
    WaitReason.DRAFT: "waits for somebody's draft to leave the composer (`iapeer attach {peer}`)",
    WaitReason.NO_COMPOSER: "waits for its agent to show a composer (`iapeer peek {peer}`)",
    WaitReason.COPY_MODE: "waits for a person who scrolls in its terminal",
    WaitReason.NOT_THE_AGENT: "another program has its terminal (`iapeer attach {peer}`)",
}
# Why a worker's session ends once it is quiet.
ARMS: dict[str, str] = {
    ArmReason.TURN_END: "its turn ended well",
    ArmReason.SELF_DONE: "its agent said so (`iapeer self done`)",
    ArmReason.MESSAGE: "it wrote to who gave it the task",
    ArmReason.LEFT: "the person who looked at it has left",
    ArmReason.UNTAKEN: "its agent never took the task",
}
MARKS = {
    "armed": "its task is done",
    "parking": "it is being put to sleep",
    "refresh": "its next session is to be a fresh one",
    "stopped": "it was stopped by itself, and stays down until it is started",
    "fresh": "its agent asked for a fresh session in place of this one",
}


def woken(mode: str, cause: str) -> str:
    """How a session began, and why."""
    what = "its last conversation, resumed" if mode == WakeMode.RESUME else "a fresh session"
    missing = ", but its conversation is gone" if mode == WakeMode.FRESH and cause in _RESUMING else ""
    return f"{what}: {WAKES.get(cause, cause)}{missing} ({cause})"


def ended(end: dict[str, Any]) -> str:
    """How a session ended, and why: of an object with cause, exit_code and signal."""
    return f"{ENDS.get(end['cause'], end['cause'])}{_how(end)} ({end['cause']})"


def ended_shortly(end: dict[str, Any]) -> str:
    """The same in a word or two."""
    if end["cause"] != EndCause.EXIT:
        return str(_SHORT_ENDS.get(end["cause"], end["cause"]))
    how = _how(end).removeprefix(" by ").removeprefix(" with ")
    return f"{how}," if how else "ended"


def _how(end: dict[str, Any]) -> str:
    if end["cause"] not in (EndCause.EXIT, EndCause.LAUNCH_FAILED, EndCause.LOST):  # else it was our doing
        return ""
    if end.get("signal"):
        return f" by signal {end['signal']}"
    return f" with exit code {end['exit_code']}" if end.get("exit_code") is not None else ""


def stands(row: dict[str, Any], peer: str) -> str:
    """Where a message stands and why; from the second attempt on, how the one before ended."""
    again = f"; attempt {row['attempt']}" if (row["attempt"] or 1) > 1 else ""
    if row["state"] == "dead":  # its error tells of all attempts
        again = ""
    elif again and row.get("retried"):
        again += f", after: {row['retried']}"
    return f"{row['state']}{_because(row, peer)}{again}"


def _because(row: dict[str, Any], peer: str) -> str:
    reason = row["error"] or row["reason"]
    if not reason or reason == row["state"]:
        return ""
    return f": {waits(row['state'], str(reason), peer)}"


def waits(state: str, reason: str, peer: str) -> str:
    """What a message in this state waits for."""
    words = {"held": HELD, "queued": WAITS}.get(state, {}).get(reason)
    if words is None:
        return reason
    told = words.format(peer=peer)
    return f"{reason}, {told}" if state == "held" else told


def line(peer: dict[str, Any], one: dict[str, Any]) -> str:
    """The queue of one runtime, in a few words."""
    held = one.get("held") or 0
    free = (one.get("waiting") or 0) - held
    draining = free and one["status"] == "live" and peer["wake_policy"] == "ephemeral" and not gave_nothing(peer, one)
    words = [f"{free} waiting" if free else "", f"{held} held: {one.get('held_by')}" if held else ""]
    return ", ".join(word for word in ("draining" if draining else "", *words) if word)


def gave_nothing(peer: dict[str, Any], one: dict[str, Any]) -> bool:
    """Whether a worker's session is at rest without a result: what waits begins when it has ended."""
    begun = one.get("last_wake") or {"mode": None, "took": False}
    resting = one["status"] == "live" and one["activity"] == "idle" and not one.get("armed") and not one.get("task")
    return resting and peer["wake_policy"] == "ephemeral" and begun["mode"] == "fresh" and begun["took"]


def outlook(wakes: list[dict[str, Any]], topics: list[str]) -> str:
    """What a message would find: of the API's outlook for one runtime that sleeps."""
    whose = {
        "person": "your message without a topic",
        "old-topic": f"one on {' or '.join(reversed(topics))}",
        "agent": "another agent's without a topic",
        "new-topic": "one on another topic" if topics else "one on any topic",
    }
    resuming = [whose[one["whose"]] for one in wakes if one["mode"] == "resume"]
    fresh = [whose[one["whose"]] for one in wakes if one["mode"] == "fresh"]
    if resuming and fresh:
        return f"resumes its conversation for {', or '.join(resuming)}; begins a fresh one for {', or '.join(fresh)}"
    return f"for any message, {woken(wakes[0]['mode'], wakes[0]['cause'])}" if wakes else ""
