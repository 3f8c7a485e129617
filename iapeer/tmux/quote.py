"""How text is written so that tmux's own parser gives it back byte for byte."""

from __future__ import annotations

import os
import re

_SPECIAL = re.compile(rb'[\x00-\x1f\x7f\\"$~]')


def _escape(match: re.Match[bytes]) -> bytes:
    byte = match[0]
    return b"\\%03o" % byte[0] if byte < b" " or byte == b"\x7f" else b"\\" + byte


def quote(text: str | bytes) -> bytes:
    """One argument of a command line or a configuration file. A `~` right after the quote would be expanded too."""
    return b'"' + _SPECIAL.sub(_escape, os.fsencode(text)) + b'"'


def plain(text: str) -> str:
    """`text` as tmux's formats leave it alone: `-c DIR`, `load-buffer FILE`."""
    return text.replace("#", "##")


def untimed(text: str) -> str:
    """`text` for the arguments that go through strftime as well as the formats: `pipe-pane`."""
    return plain(text).replace("%", "%%")
