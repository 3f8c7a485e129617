"""Names of peers, runtimes and identities, and how a folder becomes a name."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal, get_args

from iapeer.model.errors import Refused, Usage

PERSONALITY = re.compile(r"[a-z][a-z0-9-]{0,31}")
RUNTIME = re.compile(r"[a-z][a-z0-9]{0,31}")
_CONVERSATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
MAX_NAME = 32

COMMANDS = frozenset(
    "init create list show set trust runtime-add move remove verify attach peek answer send ask inbox task dead "
    "message stop start new refresh interrupt compact self events logs wait status doctor daemon service runtime demo "
    "completion run-peer channel workflow fanout link".split()
)
OPERATOR = "operator"  # a person, who is no peer
RESERVED = frozenset({OPERATOR, "all", "iapeer"}) | COMMANDS

PermissionMode = Literal["default", "auto", "bypass"]
PERMISSION_MODES: tuple[PermissionMode, ...] = get_args(PermissionMode)

# Letters that Unicode does not decompose into a base letter and a mark.
_PLAIN = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "þ": "th", "ð": "d", "ı": "i"})


def check_personality(name: str) -> str:
    """The name itself, or Usage/Refused with what is wrong with it."""
    if not PERSONALITY.fullmatch(name):
        raise Usage(
            f"'{name}' is not a peer name: use 1 to 32 of a-z, 0-9 and dash, beginning with a letter.", code="bad-name"
        )
    if name in RESERVED:
        raise Refused(f"'{name}' is reserved: choose another peer name.", code="reserved-name")
    return name


def check_runtime(name: str) -> str:
    """The name itself, or Usage with what is wrong with it."""
    if not RUNTIME.fullmatch(name):
        raise Usage(
            f"'{name}' is not a runtime name: use 1 to 32 of a-z and 0-9, beginning with a letter.", code="bad-name"
        )
    return name


def conversation_id(value: object) -> str | None:
    """An agent's own id of a conversation, as it told it; None where it is none.

    It becomes an argument of the program and a part of a path: it is no flag, and leads nowhere else.
    """
    return value if isinstance(value, str) and _CONVERSATION.fullmatch(value) else None


def identity(runtime: str, personality: str) -> str:
    """`<runtime>-<personality>`."""
    return f"{runtime}-{personality}"


def split_identity(value: str) -> tuple[str, str]:
    """(runtime, personality): split at the first dash, so `claude-code-reviewer` is claude's `code-reviewer`."""
    runtime, dash, personality = value.partition("-")
    if not (dash and RUNTIME.fullmatch(runtime) and PERSONALITY.fullmatch(personality)):
        raise Usage(f"'{value}' is not an identity: write RUNTIME-PEER.", code="bad-name")
    return runtime, personality


def normalise(folder_name: str) -> str:
    """The peer name of a folder: ASCII, lower case, other runs to one dash, trimmed, at most 32 characters.

    Idempotent, and never invents: raises Usage when nothing is left or the rest begins with a digit.
    """
    name = slug(folder_name)
    if not PERSONALITY.fullmatch(name):
        raise Usage(
            f"The folder name '{folder_name}' gives no peer name: rename the folder so that it begins with a letter.",
            code="bad-name",
        )
    return name


def slug(text: str) -> str:
    """What of `text` may stand in a name: nothing, or letters, digits and dashes that may begin with a digit."""
    decomposed = unicodedata.normalize("NFKD", text.lower()).lower().translate(_PLAIN)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_NAME].strip("-")


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that look like `name`, best first."""
    return difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)


def unknown(what: str, name: str, known: Iterable[str]) -> Refused:
    """The refusal for a name nobody has, naming the nearest ones."""
    known = sorted(known)
    close = nearest(name, known)
    if close:
        hint = f"did you mean {' or '.join(close)}?"
    elif known:
        hint = f"known: {', '.join(known[:10])}."
    else:
        hint = "there is none yet; `iapeer init` makes one."
    return Refused(f"There is no {what} '{name}': {hint}", code=f"unknown-{what}")
