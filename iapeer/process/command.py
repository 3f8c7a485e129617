"""Running a command of somebody else's program, without a terminal, for a bounded time."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iapeer.process.limits import as_we_began


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its exit code, and what it printed on both outputs."""

    code: int
    output: str


async def run(
    argv: Sequence[str], seconds: float, *, env: Mapping[str, str] | None = None, cwd: str | None = None,
    heard: bool = True,
) -> Ran | None:  # fmt: skip
    """Run `argv` and return how it ended; None when it took longer than `seconds`, and was killed.

    `heard`: it has ended once its output has, too; else nobody listens to it. OSError when it cannot be started.
    """
    out = subprocess.PIPE if heard else subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *as_we_began(argv), env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, (output or b"").decode(errors="replace"))
