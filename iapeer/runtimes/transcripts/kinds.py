"""Which kind of transcript an adapter speaks of, and where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from iapeer.runtimes.transcripts import sqlite
from iapeer.runtimes.transcripts.jsonlines import JsonLines
from iapeer.runtimes.transcripts.source import TranscriptSource
from iapeer.runtimes.transcripttables import Transcript

MANY = 1000  # conversations: all of a home that was made for a check


def source_of(rules: Transcript, path: Path, conversation: str | None) -> TranscriptSource | None:
    """The transcript of `conversation` in the file `path`; None where several share it and none is known yet."""
    if rules.sqlite is None:
        return JsonLines(rules, path)
    return sqlite.SqliteRows(rules, rules.sqlite, path, conversation) if conversation is not None else None


def newest_in(rules: Transcript, path: Path, most: int, holding: str = "") -> Iterator[tuple[str, TranscriptSource]]:
    """The conversations that share the file `path`, the newest first, at most so many; none where each has its own.

    `holding`: only those whose newest records hold this text.
    """
    if rules.sqlite is not None:
        for conversation in sqlite.newest(rules.sqlite, path, most, holding):
            yield conversation, sqlite.SqliteRows(rules, rules.sqlite, path, conversation)


def sources_in(rules: Transcript, path: Path, conversation: str) -> list[TranscriptSource]:
    """The transcript of `conversation` in the file `path`; for * all that it holds, the newest last."""
    if rules.sqlite is not None and conversation == "*":
        return [source for _, source in newest_in(rules, path, MANY)][::-1]
    source = source_of(rules, path, conversation)
    return [source] if source is not None else []


def written_beside(rules: Transcript, path: Path) -> list[Path]:
    """Where else than in `path` its program writes what comes to the transcript."""
    return [path.with_name(f"{path.name}-wal")] if rules.sqlite is not None else []
