"""Report the cases: one line each as it is done, and a verdict in the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from iapeer.model.errors import Failed
from iapeer.terminal.output import coloured, emit, pad, say, say_lines
from iapeer.wording.text import visible
from iapeer.wording.times import took

OK, FAILED, SKIPPED, DIFFERS = "ok", "failed", "skipped", "differs"
_COLOURS = {OK: "32", FAILED: "31", SKIPPED: "2", DIFFERS: "33"}
_RESULT = max(map(len, _COLOURS))
_TIME = 7


@dataclass(frozen=True)
class Result:
    """What a case gave: `result` is ok, failed, skipped, or differs (worth knowing, and no failure)."""

    check: str
    result: str
    detail: str
    took_s: float = 0.0
    screen: str = ""  # what the pane showed when it failed


def verdict(program: str, results: Sequence[Result]) -> str:
    """Say in one line whether the program does as its adapter says. What was skipped counts as no check."""
    done = [result for result in results if result.result != SKIPPED]
    failed = [result.check for result in done if result.result == FAILED]
    skipped = len(results) - len(done)
    more = f"; {skipped} skipped" if skipped else ""
    if not failed:
        return f"{program}: {_all(len(done))}{more}."
    do = "does" if len(failed) == 1 else "do"
    return f"{program}: {len(failed)} of {_checks(len(done))} {do} not hold ({', '.join(failed)}){more}."


def _all(number: int) -> str:
    return "the only check holds" if number == 1 else f"all {_checks(number)} hold"


def _checks(number: int) -> str:
    return f"{number} check{'' if number == 1 else 's'}"


@dataclass
class Report:
    """Prints rows as they come, unless everything is printed as JSON in the end."""

    names: Sequence[str]
    as_json: bool
    results: list[Result] = field(default_factory=list)

    def begin(self) -> None:
        """Print the head of the table."""
        self._line("CHECK", "RESULT", "TIME", "DETAIL")

    def now(self, name: str) -> None:
        """Show a person what is under way."""
        if not self.as_json and coloured():
            print(f"{visible(name)} …", end="\r", flush=True)

    def add(self, result: Result) -> None:
        """Keep a result, and print its line."""
        self.results.append(result)
        self._line(result.check, result.result, took(result.took_s * 1000) if result.took_s else "", result.detail)

    def close(self, about: dict[str, Any], kept: str | None) -> None:
        """Print the verdict; Failed, naming them, when checks failed. `kept`: the sandbox that stays, if one does."""
        failed = [result for result in self.results if result.result == FAILED]
        judged = verdict(f"{about['title']} {about['version'] or 'of an unknown version'}", self.results)
        if self.as_json:
            shown = [asdict(result) for result in self.results]
            emit({**about, "passed": not failed, "verdict": judged, "checks": shown, "kept": kept})
        else:
            self._last_words(failed, kept)
            say("")
            say(judged)
        if failed:
            names = ", ".join(result.check for result in failed)
            raise Failed(f"{len(failed)} of {len(self.results)} checks failed: {names}.", code="check-failed")

    def _last_words(self, failed: list[Result], kept: str | None) -> None:
        for result in failed:
            if result.screen.strip():
                say("")
                say(f"The screen when '{result.check}' failed:")
                say_lines(result.screen.rstrip())
        if kept:
            say(f"Kept: {kept}")

    def _line(self, name: str, result: str, time: str, detail: str) -> None:
        if self.as_json:
            return
        size = max(map(len, self.names))
        cells = [pad(visible(name), size), pad(result, _RESULT), pad(time, _TIME), visible(detail)]
        if coloured():
            cells[1] = f"\x1b[{_COLOURS.get(result, '1')}m{cells[1]}\x1b[0m"
            sys.stdout.write("\x1b[K")
        print("  ".join(cells).rstrip(), flush=True)
