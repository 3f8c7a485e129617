"""The adapter file: everything iapeer knows of one agent program, as data.

Patterns are Python regular expressions, searched with MULTILINE. Placeholders in braces are filled in per launch:
`{conversation}`, `{model}`, `{home}`, `{pid}`, `{cwd}`, `{settings_file}`, `{turn_hook}`, `{mcp_file}`, `{mcp_url}`,
`{certificate_file}`, `{doctrine}`, `{doctrine_file}`; `{NAME:toml}` and `{NAME:json}` as a quoted string; any other
brace stays as it is.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from iapeer.model.names import PermissionMode
from iapeer.model.versions import VersionRange, overlapping, version_of
from iapeer.runtimes.checktables import Check
from iapeer.runtimes.tables import Pair, Range, Regex, Table
from iapeer.runtimes.transcripttables import Transcript
from iapeer.runtimes.variants import with_wholes, wrong_at


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


class Exit(Table):
    """How a session ends."""

    clean: list[int] = [0]
    signal: Literal["TERM", "INT", "HUP"] = "TERM"


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
