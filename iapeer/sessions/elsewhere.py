"""Finding a conversation that an agent began unseen: where neither a live state nor open files nor a hook tell of it.

A transcript that holds a message of ours, by id and attempt, in a turn is that of the session we typed it into.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from iapeer.model.names import conversation_id
from iapeer.runtimes.adapter import Transcript
from iapeer.runtimes.records import Key, Turn, fold, parse, start_offset
from iapeer.runtimes.tail import Tail
from iapeer.sessions.filewatch import files_of

_NEWEST = 8  # files that are looked into
_NAME = "\0"  # no path holds it


def conversation_with(rules: Transcript, pattern: Callable[[str], str], key: Key, followed: Path | None) -> str | None:
    """The conversation whose transcript holds the message `key`; None where none does.

    `pattern` gives where the transcript of a conversation is. Only files that were written later than the one
    `followed`, and of these the newest, are looked into. Takes its time: not for the daemon's loop.
    """
    after = _written(followed) if followed is not None else 0
    files = [(written, file) for file in files_of(pattern("*")) if (written := _written(file)) >= after]
    for _, file in sorted(files, reverse=True)[:_NEWEST]:
        if file != followed and key in _turn(rules, file).arrived:
            return _conversation(pattern(_NAME), file)
    return None


def _turn(rules: Transcript, file: Path) -> Turn:
    return fold(Turn(), parse(rules, Tail(file, start_offset(file)).lines()))


def _conversation(pattern: str, file: Path) -> str | None:
    """What stands for the conversation in the path of its transcript."""
    rule = re.escape(pattern).replace(re.escape("*"), "[^/]*").replace(re.escape(_NAME), "([^/]+)", 1)
    named = re.fullmatch(rule.replace(re.escape(_NAME), r"\1"), str(file))
    return conversation_id(named[1]) if named else None


def _written(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
