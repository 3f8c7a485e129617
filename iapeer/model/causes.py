"""Why things are as they are: the words that are stored, sent and shown. `iapeer.wording` has their sentences.

Each value is the word itself, so that what older versions stored compares equal; a record's own word stays text.
"""

from __future__ import annotations

from enum import StrEnum


class WakeMode(StrEnum):
    """How a session begins; REFUSED: not at all, for there is nothing to resume."""

    FRESH = "fresh"
    RESUME = "resume"
    REFUSED = "refused"


class WakeCause(StrEnum):
    """Why a session was launched as it was; ATTACH_NOTHING also why it was not."""

    FIRST_WAKE = "first-wake"
    FOLDER_LAUNCH = "folder-launch"
    NEW = "new"
    EAGER = "eager"
    REFRESH = "refresh"
    ATTACH = "attach"
    ATTACH_NOTHING = "attach-nothing-to-resume"
    EPHEMERAL_POLICY = "ephemeral-policy"
    OWN_QUESTION = "reply-to-own-question"
    REBOOT = "reboot"
    CRASH = "crash-or-self-close"
    PARKED_HUMAN = "parked-human"
    PARKED_NO_TOPIC = "parked-no-topic"
    PARKED_NEW_TOPIC = "parked-new-topic"
    PARKED_RESUME = "parked-resume"


class EndCause(StrEnum):
    """Why a session ended."""

    PARKED = "parked"
    REAPED = "reaped"
    UNARMED = "unarmed"
    TIMEOUT = "timeout"
    STOP = "stop"
    NEW = "new"
    FRESH = "fresh"
    EXIT = "exit"
    LAUNCH_FAILED = "launch-failed"
    NOT_RESUMED = "not-resumed"
    LOST = "lost"
    UNKNOWN = "unknown"


class WaitReason(StrEnum):
    """What a queued message waits for."""

    EPHEMERAL = "ephemeral"
    BUSY = "busy"
    WAKING = "waking"
    UNREACHABLE = "unreachable"
    CONNECTING = "connecting"
    GUARD = "guard"
    SCHEDULED = "scheduled"
    TYPING = "typing"
    DIALOG = "dialog"
    LOGIN = "login"
    QUOTA = "quota"
    DRAFT = "draft"
    NO_COMPOSER = "no-composer"
    COPY_MODE = "copy-mode"
    NOT_THE_AGENT = "not-the-agent"


class BlockedReason(StrEnum):
    """What keeps an identity from working. An adapter's words for what its screen asks are among them."""

    GUARD = "guard"
    LAUNCH_FAILED = "launch-failed"
    UNREACHABLE = "unreachable"
    NOT_THE_AGENT = "not-the-agent"
    PERMISSION = "permission"
    QUESTION = "question"
    LOGIN = "login"
    QUOTA = "quota"
    UPDATE = "update"
    UNKNOWN_DIALOG = "unknown-dialog"
    DRAFT = "draft"


class ArmReason(StrEnum):
    """Why a worker's session ends once it is quiet."""

    TURN_END = "turn-end"
    SELF_DONE = "self-done"
    MESSAGE = "message"
    LEFT = "left"
    UNTAKEN = "untaken"


class SentOutcome(StrEnum):
    """What became of a message so far, as its sender is told."""

    DELIVERED = "delivered"
    QUEUED = "queued"
    REFUSED = "refused"
    STRANDED = "stranded"
    UNKNOWN = "unknown"
