"""Reading a file that another may have put there: what is no ordinary file is refused at once, by what was opened."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from iapeer.files.regular import OUTSIDE, Unfit, open_regular, read_regular, read_text
from iapeer.model.errors import Failed
from iapeer.paths.settings import read_settings
from iapeer.peers.pieces import read_pieces
from iapeer.peers.profile import read_profile, write_profile
from iapeer.runtimes.livestate import Unreadable, read_live
from iapeer.runtimes.load import read_adapter
from tests.harness import REPO

PROFILE = '{"personality": "p", "default_runtime": "fake"}'


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


TRAPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "no regular file"),
    "a folder": (Path.mkdir, "no regular file"),
    "a socket": (_socket, "no regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
    "a terminal": (lambda path: path.symlink_to("/dev/tty"), "no regular file"),
    "a gigabyte": (_sparse, "it has 1,073,741,824 bytes, 262,144 is the limit"),
    "a link out": (lambda path: path.symlink_to("/etc/passwd"), OUTSIDE),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_profile_that_is_no_ordinary_file(tmp_path: Path, trap: str) -> None:
    """It is refused at once, in one sentence that names it and says why; and nothing is written over it."""
    make, why = TRAPS[trap]
    path = tmp_path / ".iapeer" / "peer-profile.json"
    path.parent.mkdir()
    make(path)
    for act in (read_profile, lambda folder: write_profile(folder, {"model": "m"})):
        with pytest.raises(Failed) as raised:
            act(tmp_path)
        assert str(raised.value) == f"{path} is not read ({why}): put an ordinary file there."
        assert raised.value.code == "bad-profile"


@pytest.mark.parametrize("trap", [trap for trap, (_, why) in TRAPS.items() if why != OUTSIDE])
def test_a_live_state_or_an_adapter_that_is_no_ordinary_file(tmp_path: Path, trap: str) -> None:
    """The one is gone on without, the other refused, at once and in one sentence."""
    rules = read_adapter(REPO / "fixtures" / "fake.toml").live_state
    assert rules is not None
    path = tmp_path / "file"
    TRAPS[trap][0](path)
    with pytest.raises(Unreadable, match="it cannot be read"):
        read_live(rules, path, None)
    with pytest.raises(Failed, match="cannot be read"):
        read_adapter(path)
    path.rename(tmp_path / "config.toml")
    _, problems = read_settings(tmp_path, {})
    assert len(problems) == 1


def test_a_folder_of_settings_that_is_a_link_out(tmp_path: Path) -> None:
    """Nothing is read from there, and no profile is written there; a link within the folder is followed."""
    inside, outside = tmp_path / "peer", tmp_path / "elsewhere"
    inside.mkdir()
    outside.mkdir()
    (inside / ".iapeer").symlink_to(outside)
    with pytest.raises(Failed, match=OUTSIDE):
        write_profile(inside, {"personality": "p"})
    assert list(outside.iterdir()) == []
    (outside / "peer-profile.json").write_text(PROFILE)
    (outside / "IAPEER.md").write_text("secret")
    (outside / "more.md").write_text("secret")
    with pytest.raises(Failed, match=OUTSIDE):
        read_profile(inside)
    pieces = read_pieces(None, inside)
    assert pieces.pieces == ()
    assert {why for _, why in pieces.skipped} == {OUTSIDE}
    (inside / ".iapeer").unlink()
    outside.rename(inside / "settings")
    (inside / ".iapeer").symlink_to("settings")
    assert read_profile(inside).personality == "p"
    assert [piece.text for piece in read_pieces(None, inside).pieces] == ["secret", "secret"]


def test_it_is_the_opened_file_that_counts(tmp_path: Path) -> None:
    """A name that is exchanged all the time, a file within for a link out, never gives what lies outside."""
    inside, name = tmp_path / "peer", tmp_path / "peer" / "IAPEER.md"
    inside.mkdir()
    (tmp_path / "secret").write_text("secret")
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            (inside / "new").write_text("open")
            (inside / "new").replace(name)
            (inside / "link").symlink_to(tmp_path / "secret")
            (inside / "link").replace(name)

    thread = threading.Thread(target=exchange)
    name.write_text("open")
    thread.start()
    told: set[str] = set()
    for _ in range(3000):
        try:
            told.add(read_text(name, within=inside))
        except Unfit as error:
            told.add(str(error.strerror))
    stop.set()
    thread.join()
    assert told <= {"open", OUTSIDE}
    assert OUTSIDE in told


def test_a_file_with_more_than_its_size_says_is_bounded(tmp_path: Path) -> None:
    """It may grow while it is read; files of the kernel have no size at all. No more than the limit is taken."""
    if sys.platform == "linux":
        with pytest.raises(Unfit, match=r"it has 101 bytes, 100 is the limit"):
            read_regular("/proc/self/maps", 100)
    file = tmp_path / "file"
    file.write_text("\ufeffwords")
    assert read_text(file) == "words"
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing")


def test_fragments_without_number_or_end(tmp_path: Path) -> None:
    """What is told of what was passed over is bounded, and so is what is read."""
    fragments = tmp_path / ".iapeer" / "fragments"
    fragments.mkdir(parents=True)
    for number in range(600):
        (fragments / f"{number}.md").symlink_to("/etc/passwd")
    pieces = read_pieces(None, tmp_path)
    assert pieces.pieces == ()
    assert len(pieces.skipped) == 21
