"""The adapter file: everything iapeer knows of one agent program, as data.

Patterns are Python regular expressions, searched with MULTILINE. Placeholders in braces are filled in per launch:
`{conversation}`, `{model}`, `{home}`, `{pid}`, `{cwd}`, `{settings_file}`, `{turn_hook}`, `{mcp_file}`, `{mcp_url}`,
`{certificate_file}`, `{doctrine}`, `{doctrine_file}`; `{NAME:toml}` and `{NAME:json}` as a quoted string; any other
brace stays as it is.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from iapeer.model.names import PermissionMode
from iapeer.model.versions import VersionRange, overlapping, version_of
from iapeer.runtimes.variants import with_wholes, wrong_at


def _compile(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str):
        raise ValueError("a regular expression is wanted, as a string")
    try:
        return re.compile(value, re.M)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


def _range(value: object) -> VersionRange:
    if isinstance(value, VersionRange):
        return value
    if not isinstance(value, str):
        raise ValueError('a range of versions is wanted, as a string: ">=2.1.197 <=2.1.332", or "=2.1.197"')
    return VersionRange.parse(value)


def _listed(value: object) -> object:
    if not isinstance(value, str | list):
        raise ValueError("a string is wanted, or a list of them")
    return [value] if isinstance(value, str) else value


Regex = Annotated[re.Pattern[str], BeforeValidator(_compile)]
Range = Annotated[VersionRange, BeforeValidator(_range)]

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class Table(BaseModel):
    """A table of the file: no unknown keys, no silent conversions, never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class Binary(Table):
    """The program. `names` are looked up on PATH, in order; IAPEER_<NAME>_BIN overrides them."""

    names: list[str] = Field(min_length=1)
    version_args: list[str] = ["--version"]
    version: Regex
    # What tmux shows as the pane's foreground command while the agent runs there.
    foreground: Regex


class Home(Table):
    """The program's own folder: the variable that moves it, and where it is otherwise."""

    env: str | None = None
    default: str = "~"


class Mode(Table):
    """What a permission mode adds to a launch. `fill`: placeholders of its own, for arguments and files."""

    args: list[str] = []
    env: dict[str, str] = {}
    fill: dict[str, str] = {}


class Launch(Table):
    """The command line and the environment of a session."""

    args: list[str] = []
    fresh: list[str] = []
    resume: list[str] = []
    # The last words of a program that ends because it does not know the conversation it was to resume.
    not_resumed: Regex | None = None
    # chosen: we name the conversation at launch; recorded: we read which one the program made.
    conversation: Literal["chosen", "recorded"]
    model: list[str] = []
    permissions: dict[PermissionMode, Mode] = {}
    settle_ms: int = Field(default=0, ge=0, le=5000)  # how long after the first rest a dialog may still open by itself
    env: dict[str, str] = {}
    by_folder: bool = False  # conversations are kept by folder: in another one they cannot be resumed
    scrub: list[str] = []  # names, or prefixes ending in *


class Step(Table):
    """One key of a dialog's answer, pressed only while the pointer stands where `at` says."""

    at: Regex
    key: str


class Dialog(Table):
    """A start-up dialog: known by all of its cues. Answered by its steps, one key a look, or left to the person."""

    name: str
    cues: list[Regex] = Field(min_length=2)
    steps: list[Step] = []
    blocked: Literal["login", "question", "update"] | None = None
    only_with: PermissionMode | None = None  # answered only when the profile asked for this permission mode

    @model_validator(mode="after")
    def _one_way(self) -> Dialog:
        if bool(self.steps) == (self.blocked is not None):
            raise ValueError("give either steps or blocked")
        return self


class Login(Table):
    """How the program tells whether somebody is logged in: started with `args`, it exits with 0 then."""

    args: list[str] = Field(min_length=1)


class Blocked(Table):
    """A screen that keeps the agent from taking input, and why. `dismiss`: a key that closes it and chooses nothing."""

    reason: Literal["permission", "question", "login", "quota", "update"]
    match: Regex
    dismiss: str | None = None


class Screen(Table):
    """How to read the screen. `composer` has a group `text`; its last match counts."""

    composer: Regex
    ghost_dim: bool = True  # dim text in the composer is a hint, not input
    ghost_text: list[Regex] = []
    busy: list[Regex] = []
    # Whether a composer without a sign of work means that the agent rests: not where answers stream in silence.
    shows_rest: bool = True
    dialog: list[Regex] = []
    blocked: list[Blocked] = []


class Pieces(Table):
    """The most that a paste may hold without being folded: line ends, and UTF-16 code units."""

    line_ends: int = Field(ge=1)
    characters: int = Field(ge=10)


class Typing(Table):
    """How text is typed. `gap_ms` is the least time from the paste to Enter.

    `pieces`: folded pastes count as somebody else's words, so the operator's and ours are typed unfolded. `pictures`:
    the end of a line that would be taken out and sent as a picture: pieces are cut behind the match's first character.
    """

    gap_ms: int = Field(ge=0, le=5000)
    # What the composer shows for a folded paste, or for a text's long middle, without its white space: it may be broken
    # anywhere at the composer's edge.
    placeholder: Regex | None = None
    pieces: Pieces | None = None
    pictures: Regex | None = None
    normalises: Literal["NFC"] | None = None  # the Unicode form that it gives to what is not folded
    # Keys that empty a composer holding our text, one after the other; the last one repeats while text is left.
    clear: list[str] = Field(min_length=1)
    clear_gap_ms: int = Field(default=0, ge=0, le=1000)  # between those keys: Escape and a key at once are Meta
    submit: str = "Enter"
    retry_ms: int = Field(default=1500, ge=100)
    max_submits: int = Field(default=4, ge=1, le=10)
    transforms: list[Pair] = []  # what the program itself changes in a text: pairs of from, to

    @field_validator("placeholder")
    @classmethod
    def _without_blanks(cls, placeholder: re.Pattern[str] | None) -> re.Pattern[str] | None:
        if placeholder is not None and re.search(r" |\\s", placeholder.pattern):
            raise ValueError("it is looked for in the composer's text without white space: write it without blanks")
        return placeholder


class Keys(Table):
    """Control keys, in tmux's names.

    `again_ms`: a program that wants its interrupt key more than once gets it again, so long apart, while its turn goes
    on.
    """

    interrupt: str
    again_ms: int | None = Field(default=None, ge=100, le=5000)


class Commands(Table):
    """What is typed to have the program do something to its conversation."""

    compact: str | None = None
    clear: str | None = None


class LiveState(Table):
    """A file the program keeps about itself. Dotted names lead into it; statuses are the file's own words."""

    path: str
    status: str
    idle: list[str]
    busy: list[str]
    background: list[str] = []
    waiting: list[str] = []
    waiting_for: str | None = None
    reasons: dict[str, Literal["permission", "question", "login", "quota", "update"]] = {}
    conversation: str | None = None
    updated_ms: str | None = None
    started: str | None = None  # the process' start time in clock ticks, as /proc/PID/stat has it


class SettingsFile(Table):
    """A settings file written per session (its text is `body`), and the flags that name it.

    The program may run `{turn_hook}` at the good end of a turn, with JSON on its standard input. `answer`: where that
    has the turn's last words, as a dotted path.
    """

    args: list[str]
    body: str
    answer: str | None = None


class Setting(Table):
    """A value in a JSON file of the program's own settings: the file, below its home, and the dotted path in it."""

    file: str
    at: str


class Trust(Table):
    """How the program is told of a certificate to trust: the variable with the path of a file of them.

    `instead`: variables that it reads where `variable` is not set; `settings`: where a user's own settings set it, over
    the environment. What a user has named is kept.
    """

    variable: str
    instead: list[str] = []
    settings: Setting | None = None


class Mcp(Table):
    """How our MCP server is made known: flags, and the text of a file of this session's own, if the flags name one.

    `trust`: how the program is told of its certificate, which may also stand in the flags as {certificate_file}.
    `wait_ms`: a program that connects beside its start may take its first turn without our tool; the first message
    waits for it so long.
    """

    args: list[str]
    body: str | None = None
    trust: Trust | None = None
    wait_ms: int = Field(default=0, ge=0, le=30_000)


class Doctrine(Table):
    """How our words are added to the program's own instructions: flags; `file`: they stand in {doctrine_file}.

    `fresh_only`: a resumed conversation keeps what it was first told; the words of now are typed before its first
    message.
    """

    args: list[str]
    file: bool = False
    fresh_only: bool = False


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
    time: Annotated[list[str], BeforeValidator(_listed)] = ["timestamp"]
    sqlite: Database | None = None
    find: Find | None = None
    records: list[Record] = Field(min_length=1)

    @model_validator(mode="after")
    def _kinds_apart(self) -> Transcript:
        if self.sqlite is not None and (self.find is not None or self.beside is not None):
            raise ValueError("find and beside are for files of JSON lines: leave them out beside sqlite")
        return self


class Exit(Table):
    """How a session ends."""

    clean: list[int] = [0]
    signal: Literal["TERM", "INT", "HUP"] = "TERM"


class CheckHome(Table):
    """A home that differs from the seeded one, and the dialogs that come in it, in order.

    `shows`: found on the screen once it is ready. `keeps`: files below the home that are its user's, and stay as they
    are, or absent.
    """

    name: str = Field(pattern=r"\S")
    files: dict[str, str] = {}
    env: dict[str, str] = {}
    dialogs: list[str] = []
    shows: Regex | None = None
    keeps: list[str] = []


class Doors(Table):
    """The program's own ways between sessions, which our launch closes.

    `tools` that its model must not be offered; `files` that must not come to be, with {pid} and {home}.
    """

    tools: list[str] = []
    files: list[str] = []


class Check(Table):
    """How `iapeer runtime check` drives the real program: in a home of its own, on a scripted model server of ours.

    `env`, `files` (path below the home: text), `link` and `blocked` have placeholders {home}, {cwd}, {url} (the model
    server), {binary}, {mark} (a file that must not come to be); each also as {NAME:json} and {NAME:toml}.
    The bodies are in the language of the bundled servers: fixtures/fake_messages.py says which words there are.
    """

    # Without one, the transcript says what arrived.
    server: Literal["messages", "responses", "completions"] | None = None
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    link: str | None = None  # below the home: where its installer would have put it; that folder leads PATH
    say: str | None = "@@SAY {text}@@"  # answered with just this
    slow: str | None = "@@SLOW {seconds}@@"  # the answer takes that long
    silent: str | None = None  # nothing comes of the answer for that long
    error: str | None = None  # ends in an error of the model
    error_says: str = ""  # what the failed row's error must hold then
    error_hint: str | None = None  # ends in an error of which the composer shows a hint afterwards
    subagent: str | None = None  # starts a sub-agent, which says {text} after {seconds}; its result ends the work
    blocked: str | None = None  # makes the agent ask for a permission
    deny: str = "Escape"  # the key that refuses it
    bodies: dict[str, str] = {}  # more shapes that must arrive as they are: what this program might react to
    doors: Doors | None = None
    homes: list[CheckHome] = []

    @model_validator(mode="before")
    @classmethod
    def _homes_of_today(cls, data: object) -> object:
        if isinstance(data, dict) and "first_start" in data:
            raise wrong_at(("first_start",), 'write it as one of [[check.homes]], with name = "first start"')
        return data


class Variant(Table):
    """What holds for some versions of the program: `adapter` is all of it, `differs` the fields that are its own."""

    range: Range
    differs: list[str]
    adapter: Adapter


class Adapter(Table):
    """One runtime."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]{0,31}$")
    title: str
    checked: list[Range] = Field(min_length=1)  # versions this file was checked with
    intelligence: Literal["artificial", "natural", "absent"] = "artificial"
    binary: Binary
    home: Home = Home()
    launch: Launch
    login: Login | None = None
    dialogs: list[Dialog] = []
    screen: Screen
    typing: Typing
    keys: Keys
    commands: Commands = Commands()
    live_state: LiveState | None = None
    settings: SettingsFile | None = None
    mcp: Mcp | None = None
    doctrine: Doctrine | None = None
    transcript: Transcript
    exit: Exit = Exit()
    check: Check | None = None
    notes: str = ""
    versions: list[Variant] = []

    def for_version(self, version: str | None) -> Adapter:
        """The adapter that holds for a program of this version: the same object for every version of one range.

        What stands outside `versions` holds where no range does, and for what tells no number.
        """
        number = version_of(version)
        return next((variant.adapter for variant in self.versions if variant.range.contains(number)), self)

    @model_validator(mode="before")
    @classmethod
    def _wholes(cls, data: object) -> object:
        return with_wholes(cls, data)

    @field_validator("checked")
    @classmethod
    def _checked_apart(cls, checked: list[VersionRange]) -> list[VersionRange]:
        if (pair := overlapping(checked)) is not None:
            first, second = (checked[place] for place in pair)
            raise ValueError(f'"{first}" and "{second}" overlap: write them as one range, or apart')
        return checked

    @field_validator("versions")
    @classmethod
    def _versions_apart(cls, versions: list[Variant]) -> list[Variant]:
        if (pair := overlapping([variant.range for variant in versions])) is not None:
            first, second = (versions[place].range for place in pair)
            raise wrong_at((pair[1], "range"), f'"{second}" overlaps "{first}": a version is in one [[versions]] only')
        return versions

    @model_validator(mode="after")
    def _modes_fill_alike(self) -> Adapter:
        modes = self.launch.permissions
        names = {name for mode in modes.values() for name in mode.fill}
        for wanted, mode in {"default": Mode(), **modes}.items():
            if missing := names - set(mode.fill):
                raise ValueError(f"launch.permissions.{wanted}.fill lacks {', '.join(sorted(missing))}")
        return self

    @model_validator(mode="after")
    def _composer_has_text(self) -> Adapter:
        if "text" not in self.screen.composer.groupindex:
            raise ValueError("screen.composer needs a group named text")
        return self

    @model_validator(mode="after")
    def _conversation_is_told(self) -> Adapter:
        tells = (self.transcript.find, self.live_state, self.transcript.sqlite)
        if self.launch.conversation == "recorded" and not any(tells):
            raise ValueError("launch.conversation is recorded: transcript.find, .sqlite or live_state must tell it")
        return self
