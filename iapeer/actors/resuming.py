"""Whether a peer's last conversation can be resumed, and why not: by the record, the disk and starts that failed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iapeer.model.causes import EndCause, WakeMode
from iapeer.model.errors import PeerError
from iapeer.model.names import conversation_id
from iapeer.runtimes.adapter import Adapter
from iapeer.sessions.context import Context
from iapeer.sessions.filewatch import places_of
from iapeer.sessions.live import Ended
from iapeer.store import SessionRecord

TRIES = 3  # starts that were to resume a conversation and failed in another way
_BACK = 20  # sessions looked at
_ASKED_FOR = (EndCause.STOP, EndCause.NEW)


@dataclass(frozen=True, slots=True)
class ResumeCandidate:
    """The conversation that a wake may go back to. `last`: the session that counts, None where there was none.

    `why`: why its conversation cannot be resumed; None: it can. `said`: there was something in it.
    """

    last: SessionRecord | None
    why: str | None
    said: bool = False

    @property
    def lost(self) -> bool:
        """Whether a conversation that there was cannot be gone on with."""
        return self.said and self.why is not None


def resume_candidate(context: Context, identity: str) -> ResumeCandidate:
    """Find the last conversation of an identity. A start that was to resume it and failed is none of its own."""
    failed: list[SessionRecord] = []
    for session in reversed(context.store.sessions.newest_of(identity, _BACK)):
        if not _failed(session):
            said = context.store.activations.typed_before(session.id, "")
            return ResumeCandidate(session, _missing(context, session) or _unknown(session, failed), said)
        failed.append(session)
    if failed:
        return ResumeCandidate(failed[-1], _unknown(failed[-1], failed), True)
    return ResumeCandidate(None, "there was none")


def not_known(record: SessionRecord | None, adapter: Adapter, ended: Ended) -> bool:
    """Whether the program of this session ended because it does not know the conversation it was to resume."""
    says = adapter.launch.not_resumed
    if says is None or record is None or record.mode != WakeMode.RESUME:
        return False
    if ended.signal is not None or ended.exit_code == 0:
        return False
    return says.search(ended.last_screen) is not None


def _failed(session: SessionRecord) -> bool:
    """Whether it was to resume a conversation and never took input."""
    over = session.ended_ms is not None and session.mode == WakeMode.RESUME
    return over and (session.ready_ms is None or session.end_cause == EndCause.NOT_RESUMED)


def _missing(context: Context, last: SessionRecord) -> str | None:
    """What is not as the session left it."""
    if last.conversation is None or last.transcript is None:
        return "its id is not on record"
    if conversation_id(last.conversation) is None:
        return "what is on record as its id is none"
    file, _ = places_of(last.transcript)
    if file is None:
        return f"there is no record {last.transcript}"
    if _empty(file):
        return f"its record {file} is empty"
    return _elsewhere(context, last)


def _empty(file: Path) -> bool:
    try:
        return file.stat().st_size == 0
    except OSError:
        return True


def _elsewhere(context: Context, last: SessionRecord) -> str | None:
    """Some programs keep conversations by folder.

    Told by the version that wrote it: which one would resume it is known once it is launched. If that one differs, the
    conversation is begun anew without need, or its start fails and says so.
    """
    peer = context.store.peers.get(last.personality)
    try:
        adapter = context.adapter_of(last)
    except PeerError:
        return None  # the launch's to refuse
    if peer is None or not adapter.launch.by_folder or peer.folder == last.folder:
        return None
    return f"{adapter.title} keeps conversations by folder, and it was in {last.folder}"


def _unknown(last: SessionRecord, failed: list[SessionRecord]) -> str | None:
    """What the starts say that were to resume it."""
    of_it = [
        session
        for session in failed
        if session.conversation == last.conversation and session.end_cause not in _ASKED_FOR
    ]
    if any(session.end_cause == EndCause.NOT_RESUMED for session in of_it):
        return "the program does not know it any more"
    return f"{len(of_it)} starts that were to resume it failed" if len(of_it) >= TRIES else None
