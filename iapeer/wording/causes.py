"""Why a session was begun, ended or is kept, and why a message waits: a sentence for every code of model.causes.

A code without a sentence (an adapter's own word, or one of a later version) is shown as it is. `{peer}` stands for the
peer's name.
"""

from __future__ import annotations

from typing import Any

from iapeer.model.causes import ArmReason, EndCause, WaitReason, WakeCause
from iapeer.model.holds import HoldCause

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
# Fresh for these only where nothing is left to resume.
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
HELD: dict[str, str] = {
    HoldCause.STOPPED: "until `iapeer start {peer}`",
    HoldCause.ATTACHED: "until whoever is attached has left",
    HoldCause.LOOP: "until two agents, which were too fast, have waited",
    HoldCause.AWAITED: "until a call that waits for it has taken it",
    HoldCause.GUARD: "until its agent, which keeps dying, is tried again",
}
# What a queued message waits for.
WAITS: dict[str, str] = {
    WaitReason.EPHEMERAL: "waits for a session of its own",
    WaitReason.BUSY: "waits for the end of the turn before it",
    WaitReason.WAKING: "waits for its session to start",
    WaitReason.UNREACHABLE: "its session lives and cannot be reached; that is tried again by itself",
    WaitReason.CONNECTING: "waits for its agent to connect to iapeer",
    WaitReason.GUARD: HELD[HoldCause.GUARD],
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
MARKS: dict[str, str] = {
    "armed": "its task is done",
    "parking": "it is being put to sleep",
    "refresh": "its next session is to be a fresh one",
    "stopped": "it was stopped by itself, and stays down until it is started",
    "fresh": "its agent asked for a fresh session in place of this one",
}


def woken(mode: str, cause: str) -> str:
    """Say how a session began, and why."""
    what = "its last conversation, resumed" if mode == "resume" else "a fresh session"
    missing = ", but its conversation is gone" if mode == "fresh" and cause in _RESUMING else ""
    return f"{what}: {WAKES.get(cause, cause)}{missing} ({cause})"


def ended(end: dict[str, Any]) -> str:
    """Say how a session ended, and why: `end` has cause, exit_code and signal."""
    return f"{ENDS.get(end['cause'], end['cause'])}{_how(end)} ({end['cause']})"


def ended_shortly(end: dict[str, Any]) -> str:
    """Say how a session ended in a word or two, as a list has room for it."""
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


def waits(state: str, reason: str, peer: str) -> str:
    """Say what a message in this state waits for, and what releases a held one."""
    table = {"held": HELD, "queued": WAITS}.get(state, {})
    if reason not in table:
        return reason
    sentence = table[reason].format(peer=peer)
    return f"{reason}, {sentence}" if state == "held" else sentence
