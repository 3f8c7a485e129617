"""The table, and the file it is kept in."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.measure import Line

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = ("row", "what", "floor", "ours", "ratio", "target", "n", "verdict")


def table(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table, columns aligned."""
    rows = [HEAD, *map(_cells, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = "|".join("-" * (width + 2) for width in widths)
    return "\n".join([f"| {text[0]} |", f"|{rule}|", *(f"| {row} |" for row in text[1:])])


def misses(lines: Sequence[Line]) -> str:
    """Why each line that misses its target does."""
    told = [f"- **{line.row}**, {line.what}: {line.target.why}." for line in lines if not line.ok]
    return "\n".join(told) if told else "Every line reaches its target."


def write(lines: Sequence[Line]) -> None:
    """Replace RESULTS.md."""
    RESULTS.write_text(
        "# What it costs\n\n"
        f"`make bench` wrote this: {_machine()}.\n"
        "Floor and ours are medians, measured in turns in one run; what each is stands in `bench/rows/`. Absolute\n"
        "values drift with the machine's load, so the targets are ratios wherever there is a floor.\n\n"
        f"{table(lines)}\n\n## Misses\n\n{misses(lines)}\n"
    )


def _cells(line: Line) -> tuple[str, ...]:
    ratio = f"{line.ratio:.2f}x" if line.ratio is not None else ""
    verdict = "ok" if line.ok else "MISSES"
    target = line.target.text(line.unit)
    return (
        line.row, line.what, _value(line.floor, line.unit), _value(line.ours, line.unit), ratio, target,
        str(line.n), verdict,
    )  # fmt: skip


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:.3g} {unit}" if abs(value) < 1000 else f"{value:.0f} {unit}"


def _machine() -> str:
    tmux = subprocess.run(["tmux", "-V"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {tmux}, {platform.system()}"
