"""What a launch hands to the agent, and what is left when it fails."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from iapeer.tmux import Tmux, TmuxError, end_server, launch, server_alive

from .rig import Rig, until, until_asked

AWKWARD = [
    "",
    "two\nlines",
    "tab\tand\rreturn",
    'it\'s "quoted" \\ back',
    "ends in ;",
    ";",
    "#{pane_pid} #x #(id)",
    "~",
    "~/x",
    "$HOME ${HOME} $",
    "ключ 鍵 é",
    "\\n \\033 \\u1234",
    "{ braces } %1 %H:%M",
    "-x",
    "\x01\x1b[31m\x7f",
    os.fsdecode(b"\xff\xfe not utf-8"),
]


def test_every_argument_arrives_byte_for_byte() -> None:
    """No character of an argv means anything to tmux or to a shell."""

    async def main() -> None:
        async with Rig() as rig:
            assert await rig.dumped(AWKWARD) == [os.fsencode(part) for part in AWKWARD]

    asyncio.run(main())


def test_an_argv_of_64_kb_arrives() -> None:
    """tmux's own limit for a command is 16 KB; a file has none."""

    async def main() -> None:
        async with Rig() as rig:
            big = ["ж#'\"$;\\" * 4096, "end"]
            assert await rig.dumped(big) == [os.fsencode(part) for part in big]

    asyncio.run(main())


def test_the_environment_is_the_one_given() -> None:
    """The pane has our variables, and no TMUX of any server."""
    program = "import os, sys; open(sys.argv[1], 'w').write(ascii(dict(os.environ)))"

    async def main() -> None:
        async with Rig() as rig:
            env = {"PATH": os.environ["PATH"], "ODD": "a\nb #{x} $HOME;", "TMUX": "/nowhere,1,0", "TMUX_PANE": "%9"}
            tmux = rig.tmux()
            await tmux.launch([sys.executable, "-c", program, str(rig.received)], env, Path("/"), rig.log, title="t")
            await until(lambda: rig.got().endswith(b"}"))
            seen = eval(rig.got())
            assert seen["ODD"] == env["ODD"]
            assert "TMUX" not in seen
            assert "TMUX_PANE" not in seen
            assert "HOME" not in seen

    asyncio.run(main())


def test_folder_and_log_may_have_any_name() -> None:
    """`#`, `%`, quotes and spaces in paths are no formats, no times, no shell."""

    async def main() -> None:
        async with Rig() as rig:
            folder = rig.root / "a #{pane_id} 'b' %H #S \"c\""
            folder.mkdir()
            rig.log = folder / "log #{x} %Y 'q' $HOME.log"
            await rig.launch(sys.executable, "-c", "import os; print('at', os.getcwd(), flush=True)", cwd=folder)
            await until(lambda: os.fsencode(folder) in rig.log.read_bytes().replace(b"\r\n", b""))
            assert rig.log.stat().st_mode & 0o777 == 0o600

    asyncio.run(main())


def test_the_first_byte_is_seen_and_nothing_covers_the_pane() -> None:
    """Output is announced from the start; tmux has put no view mode over it."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, pane = await rig.launch("sh", "-c", "echo hello; exec sleep 60")
            await asyncio.wait_for(rig.printed.wait(), 5)
            assert not pane.in_mode
            assert pane.people == 0
            _, screen = await tmux.look()
            assert screen.startswith("hello\n")
            assert len(screen.split("\n")) == 50
            assert list(rig.spool.iterdir()) == []

    asyncio.run(main())


def test_the_server_is_not_our_child() -> None:
    """It is in a session of its own and outlives us."""

    async def main() -> None:
        async with Rig() as rig:
            _, pane = await rig.launch("sleep", "60")
            server = psutil.Process(pane.server_pid)
            assert server.ppid() != os.getpid()
            assert os.getsid(pane.server_pid) != os.getsid(0)
            assert os.getpgid(pane.server_pid) != os.getpgid(0)

    asyncio.run(main())


def test_a_missing_folder_is_refused() -> None:
    """tmux itself would start the agent somewhere else."""

    async def main() -> None:
        async with Rig() as rig:
            with pytest.raises(TmuxError, match="does not exist"):
                await rig.launch("sleep", "60", cwd=rig.root / "nowhere")
            assert not server_alive(rig.socket)

    asyncio.run(main())


def test_a_bad_line_fails_with_tmux_words_and_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is tmux's own; nothing is left on the socket."""
    monkeypatch.setattr(launch, "CONFIG", (*launch.CONFIG, "frobnicate now"))

    async def main() -> None:
        async with Rig() as rig:
            with pytest.raises(TmuxError, match="unknown command: frobnicate"):
                await rig.launch("sleep", "60")
            assert not server_alive(rig.socket)
            assert not rig.socket.exists()
            assert list(rig.spool.iterdir()) == []
            assert rig.gone == 0

    asyncio.run(main())


def test_a_line_that_fails_late_leaves_no_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that this tmux does not know opens view mode; a paste into it would be unframed."""
    monkeypatch.setattr(launch, "CONFIG", (*launch.CONFIG, "set -g frobnicate on"))

    async def main() -> None:
        async with Rig() as rig:
            _, pane = await rig.launch("sleep", "60")
            assert not pane.in_mode

    asyncio.run(main())


def test_an_unusable_socket_path_is_told() -> None:
    """The words are tmux's."""

    async def main() -> None:
        async with Rig() as rig:
            tmux = Tmux(rig.root / "no" / "such" / "s", rig.spool)
            with pytest.raises(TmuxError, match="No such file"):
                await tmux.launch(["sleep", "60"], os.environ, Path("/"), rig.log, title="t")

    asyncio.run(main())


def test_a_second_launch_on_a_living_server_is_refused() -> None:
    """And does not touch it."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, pane = await rig.launch("sleep", "60")
            with pytest.raises(TmuxError, match="already runs"):
                await rig.launch("sleep", "61")
            assert (await tmux.facts()).pid == pane.pid

    asyncio.run(main())


def test_a_program_that_does_not_exist_is_a_death_with_127() -> None:
    """The pane tells; it is not a failure of tmux."""

    async def main() -> None:
        async with Rig() as rig:
            tmux, _ = await rig.launch("no-such-program")

            async def dead() -> bool:
                return (await tmux.facts()).dead

            await until_asked(dead)
            assert (await tmux.facts()).dead_status == 127
            assert "no-such-program" in (await tmux.last_look())[1]

    asyncio.run(main())


def test_end_and_relaunch_on_the_same_path_twenty_times() -> None:
    """kill-server returns before the server is gone; end_server does not."""

    async def main() -> None:
        async with Rig() as rig:
            for turn in range(20):
                tmux, pane = await rig.launch("sleep", str(100 + turn))
                await end_server(rig.socket, pane.server_pid)
                assert not rig.socket.exists()
                assert not psutil.pid_exists(pane.server_pid) or _zombie(pane.server_pid)
                await until(lambda tmux=tmux: not tmux.connected)  # type: ignore[misc]
            assert rig.gone == 20

    asyncio.run(main())


def test_a_stopped_server_is_ended() -> None:
    """It cannot act on SIGTERM: SIGKILL after the bound."""

    async def main() -> None:
        async with Rig() as rig:
            _, pane = await rig.launch("sleep", "60")
            os.kill(pane.server_pid, signal.SIGSTOP)
            await end_server(rig.socket, pane.server_pid)
            assert not server_alive(rig.socket)

    asyncio.run(main())


def test_a_server_whose_socket_file_was_lost_is_ended() -> None:
    """By the recorded pid."""

    async def main() -> None:
        async with Rig() as rig:
            _, pane = await rig.launch("sleep", "60")
            rig.socket.unlink()
            assert not server_alive(rig.socket)
            await end_server(rig.socket, pane.server_pid)
            assert not psutil.pid_exists(pane.server_pid) or _zombie(pane.server_pid)

    asyncio.run(main())


def _zombie(pid: int) -> bool:
    """Where nobody reaps orphans, as in a bare container."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
