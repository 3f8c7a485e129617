"""Witness the far end: what the agent's model was really sent, or, without a model server, what the agent recorded."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from iapeer.model.envelope import Envelope, decode
from iapeer.model.errors import Failed
from iapeer.paths.layout import bundled
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.records import Entry
from iapeer.runtimes.transcripts.kinds import sources_in
from iapeer.runtimes.transcripts.source import everything
from iapeer.runtimes.transcripts.tail import Tail
from iapeer.sessions.filewatch import files_of
from iapeer.sessions.live import transcript_pattern

Request = dict[str, Any]  # as the model servers record it: kind, system, messages, texts, tools, ...


class Witness(Protocol):
    """Knows what became turns, and what stood in the context of a message's turn."""

    def turns(self) -> list[str]:
        """Read the turns in order, one text each. What is asked anew after an error counts once."""

    def context(self, ident: str) -> str:
        """Read all that the turn of this message was given; empty when it never had one."""

    def brought(self, words: str) -> int | None:
        """Find when (ms since 1970) the agent was given these words as a result of its own work; None if never."""


def messages_of(witness: Witness) -> list[Envelope | None]:
    """Read the turns as messages; None for one that is none of ours."""
    return [decode(text) for text in witness.turns()]


class ModelServer:
    """A bundled fake model server as a process. Its record, one JSON line a request, is what the model was sent."""

    def __init__(self, kind: str, record: Path) -> None:
        self._record = record
        script = bundled("fixtures") / f"fake_{kind}.py"
        if not script.is_file():
            raise Failed(f"There is no model server for '{kind}' in this iapeer: {script} is missing.")
        with record.with_suffix(".log").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(script), "--port", "0", "--record", str(record)], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, env={"PATH": os.defpath}, cwd="/", start_new_session=True,
                text=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            self.__exit__()
            raise Failed(f"The model server {script} did not start.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def turns(self) -> list[str]:
        """See Witness."""
        asked = [(len(request["messages"]), _said(request)) for request in self._requests()]
        return [text for at, (size, text) in enumerate(asked) if (size, text) not in asked[max(0, at - 1) : at]]

    def context(self, ident: str) -> str:
        """See Witness."""
        return json.dumps(self.request(ident).get("messages", ""))

    def brought(self, words: str) -> int | None:
        """See Witness. Words of the script are what it was told to do, and no result."""
        for request in self._requests("turn", "tool-result"):
            if any(words in text and "@@" not in text for text in _strings(request["messages"][-1:])):
                return round(float(request["time"]) * 1000)
        return None

    def request(self, ident: str) -> Request:
        """Find the request that began the turn of this message; empty when there was none."""
        requests = [request for request in self._requests() if _is(ident, _said(request))]
        return requests[-1] if requests else {}

    def _requests(self, *kinds: str) -> list[Request]:
        lines = Tail(self._record).lines()
        return [request for request in map(json.loads, lines) if request["kind"] in (kinds or ("turn",))]


class OwnRecord:
    """The agent's own transcripts, of all its conversations, as its adapter reads them."""

    def __init__(self, adapter: Adapter, home: Callable[[], str]) -> None:
        self._adapter = adapter
        self._home = home

    def turns(self) -> list[str]:
        """See Witness."""
        return [entry.text for entry in self._entries() if entry.event in ("user-turn", "queued-input")]

    def context(self, ident: str) -> str:
        """See Witness."""
        texts = ["\n".join(entry.text for entry in entries) for entries in self._transcripts("*")]
        return next((text for text in reversed(texts) if ident in text), "")

    def brought(self, words: str) -> int | None:
        """See Witness."""
        starts = [entry for entry in self._entries() if entry.event == "turn-start"]
        return next((entry.ms for entry in starts if words in entry.text), None)

    def said(self, conversation: str) -> str:
        """Read the last thing the agent said in this conversation."""
        said = [entry.text for entry in self._entries(conversation) if entry.event in ("assistant", "answer")]
        return said[-1] if said else ""

    def holds(self, conversation: str, ident: str) -> bool:
        """Whether a turn of this conversation is the message's."""
        return any(_is(ident, entry.text) for entry in self._entries(conversation))

    def _entries(self, conversation: str = "*") -> list[Entry]:
        """Read all transcripts, or that of one conversation, in the order in which they were last written."""
        return [entry for entries in self._transcripts(conversation) for entry in entries]

    def _transcripts(self, conversation: str) -> list[list[Entry]]:
        """As `_entries`, each for itself. What cannot be read now is left out: who waits asks again."""
        names = {"home": self._home(), "pid": "*", "cwd": "*"}
        files = files_of(transcript_pattern(self._adapter, names, conversation))
        files.sort(key=lambda file: file.stat().st_mtime_ns)
        transcripts: list[list[Entry]] = []
        for file in files:
            with contextlib.suppress(OSError):
                sources = sources_in(self._adapter.transcript, file, conversation)
                transcripts += [everything(source) for source in sources]
        return transcripts


def _said(request: Request) -> str:
    return str(request["texts"][-1]) if request["texts"] else ""


def _strings(value: object) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _is(ident: str, text: str) -> bool:
    message = decode(text)
    return message is not None and message.id == ident
