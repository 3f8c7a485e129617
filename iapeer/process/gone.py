"""Whether a process has ended, told by its number alone, and waiting for that."""

from __future__ import annotations

import asyncio
import os
import sys

import psutil


def gone(pid: int) -> bool:
    """Whether the process has ended. A zombie has."""
    return _gone_by_proc(pid) if sys.platform == "linux" else _gone_by_psutil(pid)


def _gone_by_proc(pid: int) -> bool:
    """Ten times as fast as psutil; asked on every look."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return os.read(descriptor, 512).rpartition(b")")[2].split(None, 1)[0] in (b"Z", b"X")
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)


def _gone_by_psutil(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True


async def ended_within(pid: int, seconds: float) -> bool:
    """True as soon as the process has ended, False after `seconds`."""
    if hasattr(os, "pidfd_open"):
        try:
            return await _readable(os.pidfd_open(pid), seconds)
        except ProcessLookupError:
            return True
        except OSError:
            pass  # no such system call in this kernel or sandbox
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not gone(pid):
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.002)
    return True


async def _readable(descriptor: int, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), seconds)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return True
