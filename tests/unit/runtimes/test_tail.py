"""A transcript as it is read: in parts, bounded, and from its beginning once it is another file."""

from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path

import pytest

from iapeer.runtimes.transcripts.jsonlines import start_offset
from iapeer.runtimes.transcripts.tail import MAX_LINE, PART, Tail
from iapeer.sessions.follower import Follower
from tests.unit.runtimes.test_records import FAKE, _message, _record


@pytest.mark.parametrize("how", ["exchanged", "rewritten"])
@pytest.mark.parametrize("longer", [True, False])
def test_another_file_is_read_from_its_beginning(tmp_path: Path, how: str, longer: bool) -> None:
    """Renamed over it, or written anew in its place; told by the inode or by what was read, whatever its size."""
    tail = Tail(tmp_path / "t")
    tail.path.write_bytes(b"one\ntwo\nhal")
    assert tail.lines() == [b"one", b"two"]
    new = b"first\nsecond\nthird\n" if longer else b"A\n"
    if how == "exchanged":
        (tmp_path / "new").write_bytes(new)
        (tmp_path / "new").replace(tail.path)
    else:
        tail.path.write_bytes(new)
    assert tail.lines() == new.split(b"\n")[:-1]
    with tail.path.open("ab") as file:
        file.write(b"more\n")
    assert tail.lines() == [b"more"]


def test_an_offset_counts_in_its_own_file(tmp_path: Path) -> None:
    """A place that was noted, by a daemon before, in a file that has been exchanged since."""
    path = tmp_path / "t"
    path.write_bytes(b"one\n")
    tail = Tail(path)
    tail.lines()
    (tmp_path / "new").write_bytes(b"1\n2\n3\n")
    assert Tail(path, tail.offset, tail.file).lines() == []
    (tmp_path / "new").replace(path)
    assert Tail(path, tail.offset, tail.file).lines() == [b"1", b"2", b"3"]


def test_a_line_without_end_is_passed_over(tmp_path: Path) -> None:
    """No more of it than the limit is kept; what follows it is read."""
    path = tmp_path / "t"
    with path.open("wb") as file:
        file.write(b"before\n")
        file.truncate(MAX_LINE + 2 * PART)
        file.seek(0, os.SEEK_END)
        file.write(b"\nafter\n" + b"x" * (2 * PART) + b"\nlast\n")
    assert Tail(path).lines() == [b"before", b"after", b"x" * (2 * PART), b"last"]


def test_what_is_no_regular_file_has_no_lines(tmp_path: Path) -> None:
    """And nobody waits for it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe", tmp_path / "zero", tmp_path):
        tail = Tail(path)
        assert (tail.lines(), tail.unread) == ([], tail.unfit)
        assert tail.unread
    nothing = Tail(tmp_path / "nothing")
    assert (nothing.lines(), nothing.unread) == ([], None)
    assert start_offset(tmp_path / "nothing" / "there") == 0


def test_others_have_their_turn_while_a_long_one_is_read(tmp_path: Path) -> None:
    """Between any two parts."""
    path = tmp_path / "t"
    line = _record("bash", 1, command="x" * 1000) + b"\n"
    path.write_bytes(line * (5 * PART // len(line)) + _record("user", 2, text=_message("m1")) + b"\n")
    order: list[str] = []

    class Told(Follower):
        def read(self) -> object:  # type: ignore[override]
            order.append("part")
            return super().read()

    async def others() -> None:
        while "end" not in order:
            order.append("others")
            await asyncio.sleep(0)

    async def run() -> None:
        asyncio.get_running_loop().create_task(others())
        turn = await Told(FAKE, str(path), 0).read_all()
        order.append("end")
        assert ("m1", 1) in turn.arrived

    asyncio.run(run())
    parts = [at for at, what in enumerate(order) if what == "part"]
    assert len(parts) >= 5
    assert all("others" in order[one:two] for one, two in itertools.pairwise(parts))


def test_the_turn_is_that_of_the_new_file(tmp_path: Path) -> None:
    """Nothing of the old one is left in it, nor anything of an earlier process."""
    path = tmp_path / "t"
    path.write_bytes(_record("user", 30, text=_message("m1")) + b"\n")
    follower = Follower(FAKE, str(path), 0, started=1_767_225_600_000 + 20_000)  # second 20 of the records' minute
    assert follower.read().open
    new = [_record("user", 10, text="of before"), _record("user", 31, text=_message("m2")), _record("turn_end", 32)]
    (tmp_path / "new").write_bytes(b"".join(line + b"\n" for line in new))
    (tmp_path / "new").replace(path)
    turn = follower.read()
    assert (turn.open, turn.outcome, turn.arrived) == (False, "done", frozenset({("m2", 1)}))
    assert turn.opened == 1_767_225_600_000 + 31_000
