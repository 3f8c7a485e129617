"""The `[transcript]` of an adapter file: where a program records a conversation, and what its records mean."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from iapeer.runtimes.tables import Regex, Table, listed


class Not(Table):
    """A condition: the field is absent, or is not this."""

    not_: Any = Field(alias="not")


class Matches(Table):
    """A condition: the field is a string in which this is found."""

    matches: Regex


class Above(Table):
    """A condition: the field is a number greater than this."""

    above: int


Condition = Not | Matches | Above | str | bool | int | list[str]

EventName = Literal[
    "user-turn", "queued-input", "enqueued", "turn-start", "turn-end", "interrupted", "error", "refused", "assistant",
    "answer", "compacting", "compacted", "activity",
]  # fmt: skip


class Record(Table):
    """A kind of transcript record: the first whose conditions all hold names it.

    `words`: what of its text a person is told, as group `words`; without it, all of it.
    """

    event: EventName
    when: dict[str, Condition]
    text: str | None = None
    words: Regex | None = None
    reason: Literal["quota", "login", "api"] | None = None
    reset: Regex | None = None  # group `epoch`: when the quota returns, seconds since 1970


class Find(Table):
    """How to learn which conversation a process is in, where the program chooses its id: by the files it holds open.

    `open` is found in the path of such a file and has a group `conversation`. Only what is the program's own may fit: a
    lock, not a transcript where it also reads others'. `first` are conditions that the first record of a conversation's
    transcript meets if a person talks there: programs keep others for themselves.
    """

    open: Regex
    watch: str  # a folder that changes when the program begins a conversation
    first: dict[str, Condition] = {}

    @model_validator(mode="after")
    def _open_names_it(self) -> Find:
        if "conversation" not in self.open.groupindex:
            raise ValueError("open needs a group named conversation")
        return self


SqlName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class Database(Table):
    """A transcript that is the rows of a table in a SQLite database: only names, for the queries are ours.

    A row belongs to the conversation whose id stands in `conversation`, and is the JSON object in `record`, with the
    values of `columns` under their names; `order` is a whole number that grows from row to row of a conversation.
    """

    table: SqlName
    conversation: SqlName
    order: SqlName
    record: SqlName
    columns: list[SqlName] = []


class Transcript(Table):
    """The program's own record of a conversation: a file of JSON lines, or a database that all conversations share.

    `path` may hold * in its parts. `beside`: where its helpers record what they do, with * for any part: they may be at
    work when it seems to rest. `time`: where a record has its own time, the first of these that it has.
    """

    path: str
    beside: str | None = None
    time: Annotated[list[str], BeforeValidator(listed)] = ["timestamp"]
    sqlite: Database | None = None
    find: Find | None = None
    records: list[Record] = Field(min_length=1)

    @model_validator(mode="after")
    def _kinds_apart(self) -> Transcript:
        if self.sqlite is not None and (self.find is not None or self.beside is not None):
            raise ValueError("find and beside are for files of JSON lines: leave them out beside sqlite")
        return self
