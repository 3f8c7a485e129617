"""What arrives at the far end of the pty, and what must not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iapeer.tmux import TmuxError

from .rig import Rig, until, until_asked

BEGIN, END = b"\x1b[200~", b"\x1b[201~"


@pytest.mark.parametrize("size", [1, 100, 16_384, 102_400])
def test_a_paste_arrives_framed_and_whole(size: int) -> None:
    """Every byte, LF still LF, one frame around it."""
    draw = random.Random(size)
    body = bytes(draw.choice(b"abc XYZ\n\t;#$'\"\\{}~%") for _ in range(size - 1)) + b"\n"

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            assert await tmux.paste([body], "m:1")
            await until(lambda: rig.got().endswith(END))
            assert rig.got() == BEGIN + body + END
            assert list(rig.spool.iterdir()) == []
            assert (await tmux.facts()).pasted == "m:1"

    asyncio.run(main())


@pytest.mark.parametrize("count", [2, 30, 600])
def test_many_pastes_arrive_in_order_and_each_in_its_frame(count: int) -> None:
    """Short ones with the line itself, more than a pipe takes by a file; neither file nor buffer is left."""
    pieces = [b'%d: "~$x" {} ; #{y} %s\n' % (number, "äöü🙂".encode() * 20) for number in range(count)]

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            assert await tmux.paste(pieces, "m:1")
            await until(lambda: rig.got().count(END) == count)
            assert rig.got() == b"".join(BEGIN + piece + END for piece in pieces)
            assert list(rig.spool.iterdir()) == []
            assert await tmux.ask(b"list-buffers") == [[]]
            assert (await tmux.facts()).pasted == "m:1"
            await tmux.ask(b"copy-mode -t %0")
            assert not await tmux.paste(pieces, "m:2")
            assert await tmux.ask(b"list-buffers") == [[]]

    asyncio.run(main())


def test_keys_and_literal_text_arrive() -> None:
    """A key by its name, text as it stands: a trailing `;` and a leading `-` too."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            assert await tmux.key("Enter", "s.1")
            assert await tmux.key("C-c")
            assert await tmux.key("-")
            assert await tmux.key('"')
            assert await tmux.literal("-l $HOME \"q\" 'r' #{x} ключ\\;")
            await until(lambda: rig.got().endswith(b";"))
            assert rig.got() == b'\r\x03-"-l $HOME "q" \'r\' #{x} ' + "ключ\\;".encode()
            assert (await tmux.facts()).submitted == "s.1"

    asyncio.run(main())


def test_what_is_no_key_and_what_is_no_mark_is_refused() -> None:
    """tmux would type an unknown key name as text."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            for key in ("Entre", "", "Enter Enter", "ж"):
                with pytest.raises(TmuxError):
                    await tmux.key(key)
            for mark in ("", "a b", "x;y", "#{x}"):
                with pytest.raises(TmuxError):
                    await tmux.paste([b"x"], mark)
            with pytest.raises(TmuxError):
                await tmux.paste([b""], "m")
            assert rig.got() == b""

    asyncio.run(main())


def test_nothing_is_typed_in_copy_mode() -> None:
    """The guard says so, the buffer is deleted, and after leave_mode the same paste goes through."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            for mode in (b"copy-mode -t %0", b"clock-mode -t %0", b"choose-tree -t %0"):
                await tmux.ask(mode)
                assert (await tmux.facts()).in_mode
                assert not await tmux.paste([b"no"], "m1")
                assert not await tmux.key("Enter", "s1")
                assert not await tmux.literal("no")
                await tmux.leave_mode()
                assert not (await tmux.facts()).in_mode
            pane = await tmux.facts()
            assert (pane.pasted, pane.submitted) == ("", "")
            assert await tmux.ask(b"list-buffers") == [[]]
            assert await tmux.paste([b"yes"], "m2")
            await until(lambda: rig.got().endswith(END))
            assert rig.got() == BEGIN + b"yes" + END

    asyncio.run(main())


def test_a_dead_pane_takes_nothing_and_the_server_survives() -> None:
    """On 3.3a a paste into a dead pane kills the whole server."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, pane = await rig.launch("sh", "-c", "echo last words; exit 3")

            async def dead() -> bool:
                return (await tmux.facts()).dead

            await until_asked(dead)
            assert not await tmux.paste([b"no"], "m1")
            assert not await tmux.key("Enter")
            assert not await tmux.literal("no")
            after = await tmux.facts()
            assert (after.server_pid, after.pasted) == (pane.server_pid, "")
            assert (await tmux.last_look())[1] == "last words"

    asyncio.run(main())


def test_a_body_that_cannot_be_loaded_is_an_error_and_types_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load fails in silence on a control client: the paste's own answer decides."""

    @contextmanager
    def missing(spool: Path, data: bytes) -> Iterator[Path]:
        yield spool / "missing"

    monkeypatch.setattr("iapeer.tmux.server.private_file", missing)

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            with pytest.raises(TmuxError, match="no buffer"):
                await tmux.paste([b"x" * 20_000], "m1")
            assert (await tmux.facts()).pasted == ""
            assert rig.got() == b""

    asyncio.run(main())
