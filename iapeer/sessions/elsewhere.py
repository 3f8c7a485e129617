"""Finding a conversation that an agent began unseen: where neither a live state nor open files nor a hook tell of it.

A transcript that holds a message of ours, by id and attempt, in a turn is that of the session we typed it into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from iapeer.model.names import conversation_id
from iapeer.runtimes.records import Key, Turn, fold
from iapeer.runtimes.transcripts.jsonlines import JsonLines
from iapeer.runtimes.transcripts.kinds import newest_in
from iapeer.runtimes.transcripts.source import TranscriptSource, everything
from iapeer.runtimes.transcripttables import Transcript
from iapeer.sessions.filewatch import files_of

_NEWEST = 8  # conversations that are looked into
_NAME = "\0"  # no path holds it


def conversation_with(rules: Transcript, pattern: Callable[[str], str], key: Key, followed: Path | None) -> str | None:
    """The conversation whose transcript holds the message `key`; None where none does.

    `pattern` gives where the transcript of a conversation is. Only the newest are looked into; of files, only those
    that were written later than the one `followed`. Takes its time: not for the daemon's loop. OSError where none holds
    it of those that can be read now, and there are others.
    """
    unread: OSError | None = None
    candidates = _in_databases(rules, pattern, key) if rules.sqlite else _in_files(rules, pattern, followed)
    for conversation, source in candidates:
        try:
            if key in _turn(source).arrived:
                return conversation_id(conversation)
        except OSError as error:
            unread = error
    if unread is not None:
        raise unread
    return None


def _in_databases(
    rules: Transcript, pattern: Callable[[str], str], key: Key
) -> Iterator[tuple[str | None, TranscriptSource]]:
    for file in files_of(pattern("*")):
        yield from newest_in(rules, file, _NEWEST, holding=key[0])


def _in_files(
    rules: Transcript, pattern: Callable[[str], str], followed: Path | None
) -> Iterator[tuple[str | None, TranscriptSource]]:
    after = _written(followed) if followed is not None else 0
    files = [(written, file) for file in files_of(pattern("*")) if (written := _written(file)) >= after]
    for _, file in sorted(files, reverse=True)[:_NEWEST]:
        if file != followed:
            yield _conversation(pattern(_NAME), file), JsonLines(rules, file)


def _turn(source: TranscriptSource) -> Turn:
    return fold(Turn(), everything(source, source.before_end()))


def _conversation(pattern: str, file: Path) -> str | None:
    """What stands for the conversation in the path of its transcript."""
    rule = re.escape(pattern).replace(re.escape("*"), "[^/]*").replace(re.escape(_NAME), "([^/]+)", 1)
    named = re.fullmatch(rule.replace(re.escape(_NAME), r"\1"), str(file))
    return named[1] if named else None


def _written(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
