"""Print the API's objects as JSON, or text for people: tables by rich on a terminal, else plain.

Data never reaches the terminal raw: control characters are shown as their code. Imports stand where they are used:
`--help` loads this module and prints nothing.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from iapeer.wording.text import visible, visible_lines

_WORD = re.compile(" *[:,;(]")
_STYLES = {
    "live": "green",
    "idle": "green",
    "busy": "cyan",
    "asleep": "dim",
    "stopped": "dim",
    "failing": "red",
    "error": "red",
    "warning": "yellow",
    "stranded": "red",
    "unknown": "red",
    "done": "green",
    "failed": "red",
    "dead": "red",
}


def show(answer: dict[str, Any], as_json: bool, human: Callable[[dict[str, Any]], None]) -> None:
    """Print `answer` for a program or for a person."""
    if as_json:
        emit(answer)
    else:
        human(answer)


def emit(answer: dict[str, Any]) -> None:
    """Print one JSON object on one line, in ASCII: no terminal and no encoding stands in its way."""
    import json

    print(json.dumps(answer), flush=True)


def say(line: str) -> None:
    """Print one line of text."""
    print(visible(line), flush=True)


def say_folded(line: str, hang: int) -> None:
    """Print one line of text; on a narrow terminal folded between words, further lines `hang` columns in."""
    first, *more = _folded(visible(line), 0, hang)
    print("\n".join([first, *more]), flush=True)


def columns() -> int | None:
    """Measure the terminal that is written to, in columns; None where stdout is none."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def say_lines(text: str) -> None:
    """Print text of several lines."""
    print(visible_lines(text), flush=True)


def coloured() -> bool:
    """Whether stdout is a terminal that may show more than plain text."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], whole: int = 0) -> None:
    """Print aligned columns; an empty cell is a dash. The first `whole` columns are not folded: they can be copied."""
    cells = [["-" if cell in (None, "") else visible(str(cell)) for cell in row] for row in rows]
    if coloured():
        _rich_table(headers, cells, whole)
        return
    widths = [max(map(width, column)) for column in zip(headers, *cells, strict=True)]
    for line in (list(headers), *cells):
        print("  ".join(pad(cell, size) for cell, size in zip(line, widths, strict=True)).rstrip())


def card(pairs: Iterable[tuple[str, object]], *, fold: bool = False) -> None:
    """Print names and values, one a line, without those that have no value. `fold`: on a terminal, fold long values."""
    shown = [(name, visible(str(value))) for name, value in pairs if value not in (None, "")]
    size = max((len(name) for name, _ in shown), default=0)
    bold, plain = ("\x1b[1m", "\x1b[0m") if coloured() else ("", "")
    for name, value in shown:
        first, *more = _folded(value, size + 2) if fold else [value]
        print(f"{bold}{name.ljust(size)}{plain}  {first}")
        for line in more:
            print(" " * (size + 2) + line)


def _folded(value: str, indent: int, hang: int = 0) -> list[str]:
    """Fold a value beside its name (`indent` columns), further lines `hang` columns in; not when it is piped."""
    wide = columns()
    if wide is None or indent + width(value) <= wide:
        return [value]
    import textwrap

    size = max(30, wide - indent)
    return textwrap.wrap(value, size, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False) or [
        ""
    ]


def width(text: str) -> int:
    """Count the columns that `text` takes on a terminal."""
    import unicodedata

    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )


def pad(text: str, size: int) -> str:
    """Fill `text` with blanks up to `size` columns."""
    return text + " " * (size - width(text))


def _rich_table(headers: Sequence[str], cells: list[list[str]], whole: int) -> None:
    from rich.console import Console  # late: 45 ms
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for place, header in enumerate(headers):
        shown.add_column(header, overflow="fold", no_wrap=place < whole)
    for row in cells:
        shown.add_row(*(Text(cell, style=_STYLES.get(_WORD.split(cell)[0], "")) for cell in row))
    Console(highlight=False).print(shown)


def at_home(path: str) -> str:
    """Write a path as people read it: with ~ for their home."""
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib is slow to load
    return "~" + path[len(home) :] if path == home or path.startswith(home + os.sep) else path
