"""Why a peer sleeps, was woken as it was, ended, or keeps a message waiting: the house's words as sentences."""

from __future__ import annotations

from typing import Any

# Why a session was launched.
WAKES = {
    "first-wake": "it had never run before",
    "folder-launch": "a person began it in the peer's folder",
    "new": "`iapeer new` asked for one",
    "eager": "its agent asked for one (`iapeer self fresh`)",
    "refresh": "`iapeer refresh` had asked for one",
    "attach": "a person wanted its last conversation",
    "attach-nothing-to-resume": "a person wanted its last conversation, and there is none",
    "ephemeral-policy": "every message to a worker has a session of its own",
    "reply-to-own-question": "the message answers what its last session asked",
    "reboot": "the machine was restarted under it",
    "crash-or-self-close": "what ended by itself is not resumed by a message",
    "parked-human": "it slept, and a person, `iapeer start` or its profile (resume: always) goes on with it",
    "parked-no-topic": "it slept, and another agent's message without a topic is no part of its conversation",
    "parked-new-topic": "it slept, and the topic is none of its conversation's",
    "parked-resume": "it slept, and the topic is one of its conversation's",
}
_RESUMING = frozenset({"reboot", "parked-human", "parked-resume"})  # fresh only where nothing is left to resume
# Why a session ended.
ENDS = {
    "parked": "put to sleep, for nothing happened for idle_secs; its conversation stays",
    "reaped": "its task was done",
    "unarmed": "it gave no result, and nothing happened for unarmed_secs",
    "timeout": "its turn took longer than timeout_secs",
    "stop": "it was stopped (`iapeer stop`)",
    "new": "a fresh session took its place (`iapeer new`)",
    "fresh": "its agent asked for a fresh session in its place (`iapeer self fresh`)",
    "exit": "its agent ended",
    "launch-failed": "it did not come up",
    "not-resumed": "its agent did not know the conversation that it was to go on with",
    "lost": "it was found dead when the daemon came back",
    "unknown": "nobody saw why",
}
_SHORT_ENDS = {"launch-failed": "did not start", "lost": "found dead", "stop": "was stopped"}
# What releases a held message.
HELD = {
    "stopped": "until `iapeer start {peer}`",
    "attached": "until whoever is attached has left",
    "loop": "until two agents, which were too fast, have waited",
    "awaited": "until a call that waits for it has taken it",
    "guard": "until its agent, which keeps dying, is tried again",
}
# What a queued message waits for.
WAITS = {
    "ephemeral": "waits for a session of its own",
    "busy": "waits for the end of the turn before it",
    "waking": "waits for its session to start",
    "unreachable": "its session lives and cannot be reached; that is tried again by itself",
    "connecting": "waits for its agent to connect to iapeer",
    "guard": HELD["guard"],
    "scheduled": "waits for its time",
    "dialog": "waits for a person to answer a dialog (`iapeer peek {peer}`)",
    "login": "waits for a person to log its agent in (`iapeer attach {peer}`)",
    "quota": "waits for its agent's usage limit to be reset",
    "draft": "waits for somebody's draft to leave the composer (`iapeer attach {peer}`)",
    "no-composer": "waits for its agent to show a composer (`iapeer peek {peer}`)",
    "copy-mode": "waits for a person who scrolls in its terminal",
    "not-the-agent": "another program has its terminal (`iapeer attach {peer}`)",
}
# Why a worker's session ends once it is quiet.
ARMS = {
    "turn-end": "its turn ended well",
    "self-done": "its agent said so (`iapeer self done`)",
    "message": "it wrote to who gave it the task",
    "left": "the person who looked at it has left",
    "untaken": "its agent never took the task",
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
    what = "its last conversation, resumed" if mode == "resume" else "a fresh session"
    missing = ", but its conversation is gone" if mode == "fresh" and cause in _RESUMING else ""
    return f"{what}: {WAKES.get(cause, cause)}{missing} ({cause})"


def ended(end: dict[str, Any]) -> str:
    """How a session ended, and why: of an object with cause, exit_code and signal."""
    return f"{ENDS.get(end['cause'], end['cause'])}{_how(end)} ({end['cause']})"


def ended_shortly(end: dict[str, Any]) -> str:
    """The same in a word or two."""
    if end["cause"] != "exit":
        return str(_SHORT_ENDS.get(end["cause"], end["cause"]))
    how = _how(end).removeprefix(" by ").removeprefix(" with ")
    return f"{how}," if how else "ended"


def _how(end: dict[str, Any]) -> str:
    if end["cause"] not in ("exit", "launch-failed", "lost"):  # else it was our doing
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
