"""The `[check]` of an adapter file: how the real program is driven by `iapeer runtime check`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from iapeer.runtimes.tables import Regex, Table
from iapeer.runtimes.variants import wrong_at


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
