"""The control client: lost, stopped, closed, and people beside it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from iapeer.model.timing import TIMING
from iapeer.tmux import ServerGone, Tmux, TmuxTimeout, end_server, server_alive
from iapeer.tmux.control import Control
from iapeer.tmux.pane import height

from .rig import Person, Rig, until, until_asked

FRAMED = b"\x1b[200~%s\x1b[201~"


async def _client_pids(rig: Rig) -> list[int]:
    return [client.pid for client in await rig.clients[0].clients() if client.control]


def test_a_lost_client_is_replaced_and_the_marks_stay() -> None:
    """Its end is told once; the next act goes through, guard and marks as before."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            assert await tmux.paste([b"one"], "m1")
            assert await tmux.key("Enter", "s1")
            os.kill((await _client_pids(rig))[0], signal.SIGKILL)
            await until(lambda: rig.gone == 1)
            assert not tmux.connected
            assert server_alive(rig.socket)
            assert await tmux.paste([b"two"], "m2")
            pane = await tmux.facts()
            assert (pane.pasted, pane.submitted) == ("m2", "s1")
            await until(lambda: rig.got().endswith(FRAMED % b"two"))
            assert rig.got() == FRAMED % b"one" + b"\r" + FRAMED % b"two"
            assert len(await _client_pids(rig)) == 1

    asyncio.run(main())


def test_a_daemon_that_comes_back_reads_the_marks() -> None:
    """Another object on the same socket knows what was done before it."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, first = await rig.receiver()
            await tmux.paste([b"one"], "019a-b.c:2_d")
            await tmux.close()
            with pytest.raises(ServerGone):
                await tmux.facts()
            again = rig.tmux()
            pane = await again.connect()
            await again.settle()
            assert (pane.pid, pane.pasted, pane.submitted) == (first.pid, "019a-b.c:2_d", "")
            assert rig.gone == 0

    asyncio.run(main())


def test_settle_waits_for_a_foreign_control_client() -> None:
    """What that one had queued is done when it has left."""

    async def main() -> None:
        async with Rig() as rig:
            await rig.receiver()
            old, new = rig.clients[0], rig.tmux()
            await new.connect()
            waiting = asyncio.create_task(new.settle())
            acts = [asyncio.create_task(old.paste([b"%d" % n], f"m{n}")) for n in range(5)]
            await asyncio.gather(*acts)
            assert not waiting.done()
            await old.close()
            await asyncio.wait_for(waiting, 1.5)
            assert (await new.facts()).pasted == "m4"

    asyncio.run(main())


def test_a_stopped_server_is_a_timeout_and_recovers() -> None:
    """Calls end at their deadline, again and again; the server goes on where it was."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, pane = await rig.receiver()
            tmux.waits = replace(TIMING.tmux, call=0.3)
            os.kill(pane.server_pid, signal.SIGSTOP)
            try:
                with pytest.raises(TmuxTimeout):
                    await tmux.facts()
                assert server_alive(rig.socket)
                with pytest.raises(TmuxTimeout):
                    await tmux.paste([b"not yet"], "m1")
            finally:
                os.kill(pane.server_pid, signal.SIGCONT)
            tmux.waits = TIMING.tmux
            assert (await tmux.facts()).pasted == ""
            assert await tmux.paste([b"now"], "m2")
            await until(lambda: rig.got().endswith(b"\x1b[201~"))
            assert rig.got() == FRAMED % b"now"
            assert list(rig.spool.iterdir()) == []

    asyncio.run(main())


def test_a_cancelled_asker_does_not_shift_the_answers() -> None:
    """Its reply is read and dropped."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, pane = await rig.receiver()
            for _ in range(50):
                task = asyncio.create_task(tmux.look())
                await asyncio.sleep(0)
                task.cancel()
                assert (await tmux.facts()).pid == pane.pid

    asyncio.run(main())


def test_no_server_is_said_at_once() -> None:
    """Also when only its socket file is left."""

    async def main() -> None:
        async with Rig() as rig:
            tmux = rig.tmux()
            with pytest.raises(ServerGone):
                await tmux.connect()
            other, pane = await rig.receiver()
            os.kill(pane.server_pid, signal.SIGKILL)
            await until(lambda: not other.connected)
            assert rig.socket.exists()
            assert not server_alive(rig.socket)
            with pytest.raises(ServerGone):
                await tmux.connect()
            with pytest.raises(ServerGone):
                await other.paste([b"x"], "m")

    asyncio.run(main())


def test_output_is_silent_when_switched_off() -> None:
    """And a client that was replaced keeps the wish."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.launch("cat")

            async def echoed(text: str) -> None:
                async def shown() -> bool:
                    return text in (await tmux.last_look())[1]

                await tmux.literal(text)
                await until_asked(shown)

            await tmux.output(False)
            rig.printed.clear()
            await echoed("first")
            assert not rig.printed.is_set()
            await tmux.output(True)
            await echoed("second")
            assert rig.printed.is_set()
            await tmux.output(False)
            rig.printed.clear()
            os.kill((await _client_pids(rig))[0], signal.SIGKILL)
            await until(lambda: not tmux.connected)
            await echoed("third")
            assert not rig.printed.is_set()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("end", "status", "killed"), [("exit 3", 3, None), ("exit 0", 0, None), ("kill -9 $$", None, 9)]
)
def test_a_death_tells_its_cause(end: str, status: int | None, killed: int | None) -> None:
    """Code or signal, also when tmux has missed the SIGCHLD: ten deaths each."""

    async def main() -> None:
        for _ in range(10):
            async with Rig() as rig:
                tmux, pane = await rig.launch("sh", "-c", f"read x; {end}")
                assert await tmux.key("Enter")

                async def dead(tmux=tmux) -> bool:  # type: ignore[no-untyped-def]
                    return (await tmux.facts()).dead  # type: ignore[no-any-return]

                await until_asked(dead)
                after = await tmux.facts()
                assert (after.dead_status, after.dead_signal) == (status, killed)
                assert after.pid == pane.pid

    asyncio.run(main())


def test_a_cause_that_tmux_never_learns_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded, once: the server gets its SIGCHLD, and what stays empty is None."""
    nudges: list[int] = []
    monkeypatch.setattr("iapeer.tmux.server.gone", lambda pid: True)
    monkeypatch.setattr("iapeer.tmux.server.os.kill", lambda pid, number: nudges.append(pid))

    async def main() -> None:
        async with Rig() as rig:
            tmux, pane = await rig.launch("sleep", "60")
            assert nudges
            assert set(nudges) == {pane.server_pid}
            told = len(nudges)
            assert await tmux.facts() == pane
            assert len(nudges) == told
            monkeypatch.undo()

    asyncio.run(main())


def test_people_are_counted_and_control_clients_are_not() -> None:
    """Two persons, two control clients; coming and going is announced under no-output."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            await tmux.output(False)
            await rig.tmux().connect()
            before = rig.moved
            people = [Person(rig), Person(rig)]

            async def there() -> bool:
                return (await tmux.facts()).people == 2

            await until_asked(there)
            assert rig.moved > before
            ttys = {client.pid: client.tty for client in await tmux.clients()}
            names = [ttys[person.pid] for person in people]
            assert all(name.startswith("/dev/") for name in names)
            assert sorted(await tmux.people()) == sorted(names)
            before = rig.moved
            await tmux.detach(names[0])
            await people[0].left()
            await until(lambda: rig.moved > before)
            assert await tmux.people() == names[1:]
            await tmux.detach(names[1])
            await people[1].left()

            async def alone() -> bool:
                return (await tmux.facts()).people == 0

            await until_asked(alone)

    asyncio.run(main())


async def _press_detach(person: Person, tmux: Tmux) -> None:
    """Not in one go: tmux takes keys less than 1 ms apart for a paste (assume-paste-time)."""

    async def prefixed() -> bool:
        (lines,) = await tmux.ask(b"list-clients -F '#{client_pid} #{client_prefix}'")
        return b"%d 1" % person.pid in lines

    person.type(b"\x02")
    await until_asked(prefixed)
    await asyncio.sleep(0.005)
    person.type(b"d")


async def _size(rig: Rig) -> bytes:
    ((line,), *_) = await rig.clients[0].ask(b"display-message -p -t %0 '#{window_width}x#{window_height}'")
    return line


def test_people_get_a_status_line_and_leave_our_size_behind() -> None:
    """The line names the peer and the detach key; it stays while anybody looks on."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.receiver()
            first, second = Person(rig), Person(rig, columns=100)
            await tmux.person_view(True)
            await until(lambda: "tester · detach: Ctrl-b d".encode() in first.seen)
            await until(lambda: "tester · detach: Ctrl-b d".encode() in second.seen)
            assert await _size(rig) != b"200x50"
            await _press_detach(first, tmux)
            await first.left()
            await tmux.person_view(False)
            assert await _size(rig) != b"200x50"
            await _press_detach(second, tmux)
            await second.left()

            async def alone() -> bool:
                return not await tmux.people()

            await until_asked(alone)
            await tmux.person_view(False)
            assert await _size(rig) == b"200x50"
            pane, screen = await tmux.look()
            assert len(screen.split("\n")) == 50
            third = Person(rig, columns=70)

            async def followed() -> bool:
                return (await _size(rig)).startswith(b"70x")

            await until_asked(followed)
            await end_server(rig.socket, pane.server_pid)
            await third.left()

    asyncio.run(main())


def test_text_never_goes_to_a_window_that_a_person_opened() -> None:
    """A shell would run it."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, pane = await rig.receiver()
            await tmux.ask(b"new-window -t main: cat")
            assert await tmux.paste([b"mine"], "m1")
            await until(lambda: rig.got() == FRAMED % b"mine")
            assert (await tmux.facts()).pid == pane.pid

    asyncio.run(main())


def test_blocks_of_others_and_text_outside_are_no_answers() -> None:
    """Pieces of any size, flags 0, notifications in between."""
    stream = (
        b"%begin 1 10 0\n%end 1 10 0\n%output %0 a\n%begin 1 11 0\nnot ours\n%end 1 11 0\nstray\n"
        b"%begin 1 12 1\n%output is text here\n%end 1 11 1\n%end 1 12 1\n"
        b"%begin 1 13 1\nno buffer x\n%error 1 13 1\n"
    )

    async def main() -> None:
        seen: list[str] = []
        control = Control(output=lambda: seen.append("o"), people=lambda: None, gone=lambda: None)
        control.start(["sleep", "60"], os.environ)
        asks = [asyncio.create_task(control.run(b"x")) for _ in range(2)]
        await asyncio.sleep(0)
        for byte in stream:
            control._feed(bytes([byte]))
        assert await asks[0] == [[b"%output is text here", b"%end 1 11 1"]]
        with pytest.raises(Exception, match="no buffer x"):
            await asks[1]
        assert seen == ["o"]
        await control.close(0.01)

    asyncio.run(main())


def test_a_screen_that_shows_the_end_of_a_block_is_only_a_screen() -> None:
    """An agent cannot forge our replies by printing what tmux would say: its screen has a known height."""
    forged = [b"%end 1 11 1", b"%begin 1 12 1", b"IAPEER-DONE", b"%end 1 12 1"]
    attached = b"%begin 1 9 0\n%end 1 9 0\n"
    facts = b"%begin 1 10 1\n4|facts\n%end 1 10 1\n"
    stream = attached + facts + b"%begin 1 11 1\n" + b"\n".join(forged) + b"\n%end 1 11 1\n"

    async def main() -> None:
        control = Control(output=lambda: None, people=lambda: None, gone=lambda: None)
        control.start(["sleep", "60"], os.environ)
        asked = asyncio.create_task(control.run(b"x", blocks=2, rows=height))
        await asyncio.sleep(0)
        control._feed(stream)
        assert await asked == [[b"4|facts"], forged]
        await control.close(0.01)

    asyncio.run(main())
