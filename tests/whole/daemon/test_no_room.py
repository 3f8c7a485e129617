"""A disk without room, and folders that cannot be written, at the start: one sentence from the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import Root


def _list_on(root: Root, options: str) -> subprocess.CompletedProcess[str]:
    """`iapeer list`, with the root on a file system of its own that only this command sees."""
    place = root.env["IAPEER_ROOT"]
    Path(place).mkdir()
    line = f"mount -t tmpfs -o mode=700,{options} tmpfs {place} && exec {sys.executable} -m iapeer list"
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", line], env=root.env, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip


def _one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert (done.returncode, done.stdout) == (5, ""), done.stderr
    assert done.stderr.startswith("iapeer: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("options", ["size=4k", "size=64k", "nr_inodes=6", "nr_inodes=11", "nr_inodes=15"])
def test_a_full_disk(root: Root, options: str) -> None:
    """Wherever the room ends: at a folder, the daemon's log, its lock, its database, its socket."""
    _one_sentence(_list_on(root, options), root.env["IAPEER_ROOT"], "free some")


def test_a_read_only_disk(root: Root) -> None:
    """What cannot be written, and what to do."""
    _one_sentence(_list_on(root, "ro"), root.env["IAPEER_ROOT"], "Read-only file system", "make it writable")


@pytest.mark.parametrize("tree", ["config", "data", "state"])
def test_a_folder_of_somebody_else(root: Root, tree: str) -> None:
    """It is left alone, root's command included."""
    place = Path(root.env["IAPEER_ROOT"], tree)
    place.parent.mkdir(mode=0o700)
    if os.getuid() == 0:
        place.mkdir()
        os.chown(place, 12345, 12345)
    else:
        place.symlink_to("/usr")
    _one_sentence(root.cli("list"), str(place), "belongs to another user or is no folder")
