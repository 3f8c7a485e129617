"""`logs`: one peer's lines from all files, by time, as they come; and the pane's output without escapes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.cli import logfiles
from tests.unit.cli.fake import Cli, Daemon


@pytest.fixture
def logs(cli: Cli) -> Path:
    folder = cli.base / "state" / "logs"
    (folder / "panes").mkdir(parents=True)
    (folder / "lifecycle.log.1").write_text('ts=2026-01-01T00:00:01Z ev=wake identity=claude-alice why="a b"\n')
    (folder / "lifecycle.log").write_text(
        "ts=2026-01-01T00:00:03Z ev=ready peer=alice\n"
        "ts=2026-01-01T00:00:04Z ev=ready identity=claude-alice-two\n"
        'ts=2026-01-01T00:00:05Z ev=note text="about alice"\n'
    )
    (folder / "delivery.log").write_text(
        "ts=2026-01-01T00:00:02Z ev=typed personality=alice raw=\x1b[31m\n"
        "ts=2026-01-01T00:00:06Z ev=x identity=claude-bob\n"
    )
    return folder


def test_the_peers_lines_by_time(cli: Cli, logs: Path) -> None:
    """From both logs and the rotated ones; nobody else's; no escapes; no daemon."""
    done = cli.run("logs", "alice")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        'ts=2026-01-01T00:00:01Z ev=wake identity=claude-alice why="a b"\n'
        "ts=2026-01-01T00:00:02Z ev=typed personality=alice raw=\\x1b[31m\n"
        "ts=2026-01-01T00:00:03Z ev=ready peer=alice\n"
    )
    first = json.loads(cli.run("logs", "alice", "--json").out.splitlines()[0])
    assert first == {"ts": "2026-01-01T00:00:01Z", "ev": "wake", "identity": "claude-alice", "why": "a b"}


def test_all_files_there_are(cli: Cli, logs: Path) -> None:
    """As many as the setting keeps, more than nine too, the oldest first; what only looks like one is none."""
    for number in range(1, 13):
        (logs / f"delivery.log.{number}").write_text(f"ts=2025-01-01T00:00:{30 - number}Z ev=typed peer=alice\n")
    (logs / "delivery.log.gz").write_text("ts=2025-01-01T00:00:31Z ev=typed peer=alice\n")
    shown = [line[3:23] for line in cli.run("logs", "alice").out.splitlines() if "=2025" in line]
    assert shown == [f"2025-01-01T00:00:{second}Z" for second in range(18, 30)]


def test_no_line_and_no_peer_are_told_apart(cli: Cli, daemon: Daemon) -> None:
    """The daemon knows who exists."""
    daemon.on("GET /peers/alice", {})
    daemon.refuse("GET /peers/alcie", "unknown-peer", "There is no peer 'alcie': did you mean alice?", 3)
    assert cli.run("logs", "alice").err == "iapeer: There is no log line of alice yet.\n"
    assert cli.run("logs", "alcie").code == 3
    assert cli.run("logs", "alice", "--pane").code == 3


def test_the_pane_log_is_text(cli: Cli, logs: Path) -> None:
    """Of the newest runtime, or the one named; a namesake with a longer name is somebody else."""
    panes = logs / "panes"
    (panes / "claude-alice.log").write_bytes(
        b"\x1b[2J\x1b[1;31mbold\x1b[0m\r\n\x1b]0;title\x07draft\rfinal\r\n\x1b(Bkeep\x9b31m"
    )
    (panes / "codex-alice.log").write_text("codex\n")
    (panes / "claude-x-alice.log").write_text("other\n")
    os.utime(panes / "codex-alice.log", (1, 1))
    assert cli.run("logs", "alice", "--pane").out == "bold\nfinal\nkeep\ufffd31m\n"
    assert cli.run("logs", "alice", "--pane", "-r", "codex").out == "codex\n\n"


def test_following_reads_what_is_added(tmp_path: Path) -> None:
    """Whole lines only; a file that was rotated away is read from its new start; a new file from its first line."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("old\n")

    def happenings() -> Iterator[None]:
        _append(one, "half")
        yield
        _append(one, " done\nnext\n")
        yield
        one.rename(tmp_path / "one.1")
        _append(one, "fresh\n")
        yield
        _append(two, "second\n")
        yield

    steps = happenings()
    found = logfiles.follow([one, two], sleep=lambda _: next(steps))
    assert list(islice(found, 4)) == ["half done", "next", "fresh", "second"]


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@given(st.text(alphabet=st.sampled_from('ab "\\=\n\x1b'), max_size=30))
def test_any_line_can_be_read(line: str) -> None:
    """A torn or foreign line is no reason to stop."""
    logfiles.concerns(line, "a")


@given(st.binary(max_size=60))
def test_no_escape_survives(data: bytes) -> None:
    """Whatever the program wrote: after stripping, and showing the rest as codes, no control character is left."""
    from iapeer.wording.text import visible_lines

    shown = visible_lines(logfiles.without_escapes(data.decode("utf-8", "replace")))
    assert not [letter for letter in shown if (ord(letter) < 32 or 127 <= ord(letter) < 160) and letter not in "\n\t"]
