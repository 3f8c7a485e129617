"""`python -m bench [ROW...]`: measure the rows named (all without a name) and print their table.

A run of all rows replaces bench/RESULTS.md. A miss is told, with its reason, and is no failure of the run. The row
`real` starts real agents and is left out where there is a network: `make bench` runs it all under tools/offline.
"""

from __future__ import annotations

import signal
import sys

from bench import report
from bench.measure import Line
from bench.rows import NAMES, row


def main(wanted: list[str]) -> int:
    """Measure; 2 for a name that is no row's."""
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"There is no row {', '.join(unknown)}: the rows are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    lines: list[Line] = []
    for name in wanted or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        lines += row(name)()
    print(report.table(lines))
    print(report.misses(lines))
    if not wanted:
        report.write(lines)
    return 0


def _stop(*_: object) -> None:
    """End through every `finally`, so that nothing is left behind. By ourselves: a shell's `&` turns Ctrl-C off."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
