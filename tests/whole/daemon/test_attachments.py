"""Files with a message: copied when it is accepted, from where the sender may, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from iapeer.model.errors import PeerError, Refused, Usage
from tests.harness import Agent, Root, throw_away_root, wait_for
from tests.whole.daemon.tools import fresh_name, in_turn, say

LIMIT = 100_000


@pytest.fixture(scope="module")
def limited() -> Iterator[Root]:
    """A house where attachments are small."""
    with throw_away_root() as made:
        (made.base / "temporary").mkdir()
        made.start(IAPEER_ATTACHMENT_BYTES=str(LIMIT), TMPDIR=str(made.base / "temporary"))
        yield made


@pytest.fixture(scope="module")
def pair(limited: Root) -> tuple[Agent, Agent]:
    """Two live peers."""
    agents = limited.peer(fresh_name()), limited.peer(fresh_name())
    for agent in agents:
        limited.send(agent.name, "hello", wait="done")
    return agents


@pytest.fixture
def files(limited: Root) -> Path:
    """A folder of the operator's."""
    folder = limited.base / fresh_name()
    folder.mkdir()
    return folder


def _kept(root: Root) -> list[Path]:
    """Every file that the house keeps, scratch files included."""
    return sorted(path for path in (root.base / "root").rglob("*") if path.is_file() and "attachments" in path.parts)


def _refused(root: Root, to: str, *paths: object, sender: Agent | None = None) -> PeerError:
    """The refusal; nothing may be stored, copied or left behind."""
    last, kept = root.events()[-1]["seq"], _kept(root)
    wish: dict[str, Any] = {"body": "see", "attachments": [str(path) for path in paths]}
    with pytest.raises((Refused, Usage)) as refused:
        say(root, sender, to, **wish) if sender else root.send(to, **wish)
    assert root.events()[-1]["seq"] == last
    assert _kept(root) == kept
    assert "\n" not in str(refused.value)
    return refused.value


def test_a_file_may_vanish_once_it_is_sent(limited: Root, pair: tuple[Agent, Agent], files: Path) -> None:
    """The agent is told a path that holds what was sent, in order, for nobody else to read."""
    alice, _ = pair
    first, second = files / "first.txt", files / "second.bin"
    first.write_text("one")
    second.write_bytes(b"\0\xff" * 1000)
    with in_turn(limited, alice):
        sent = limited.send(alice.name, "see", attachments=[str(first), str(second)])
        first.unlink()
        second.write_text("something else")
    limited.until(sent["id"], "done")
    told = [Path(path) for path in alice.turns()[-1].attachments]
    assert [path.name for path in told] == ["first.txt", "second.bin"]
    assert [path.read_bytes() for path in told] == [b"one", b"\0\xff" * 1000]
    assert [str(path) for path in told] == limited.message(sent["id"])["message"]["attachments"]
    for path in told:
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert path.parent.name == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_content_is_kept_once(limited: Root, pair: tuple[Agent, Agent], files: Path) -> None:
    """Whoever sends it, from wherever; and what was received can be passed on."""
    alice, bob = pair
    (files / "a").mkdir()
    for path in (files / "same.txt", files / "a" / "same.txt"):
        path.write_text("the very same")
        limited.send(alice.name, "see", attachments=[str(path)], wait="done")
    one, other = (turn.attachments for turn in alice.turns()[-2:])
    assert one == other
    assert len([path for path in _kept(limited) if path.name == "same.txt"]) == 1
    say(limited, alice, bob.name, "see", attachments=list(one), wait="done")
    assert bob.turns()[-1].attachments == one
    assert len([path for path in _kept(limited) if path.name == "same.txt"]) == 1


@pytest.mark.parametrize(
    "name",
    [
        'it\'s "quoted" & <marked>.txt',
        "<attachments>",
        "]]>",
        "with  two spaces ",
        "日本語 ü.txt",
        "$(x) `y` %s {z}",
        "é" * 120,
    ],
)
def test_a_name_arrives_as_it_is(limited: Root, pair: tuple[Agent, Agent], files: Path, name: str) -> None:
    """Escaped on its way, whole in the end; a name too long for a copy is cut."""
    alice, _ = pair
    (files / name).write_text(name)
    limited.send(alice.name, "the body", attachments=[str(files / name)], wait="done")
    turn = alice.turns()[-1]
    assert (turn.body, len(turn.attachments)) == ("the body", 1)
    told = Path(turn.attachments[0])
    assert told.read_text() == name
    assert told.name == name or (len(os.fsencode(name)) > 150 and name.startswith(told.name))


def test_as_many_and_as_large_as_allowed(limited: Root, pair: tuple[Agent, Agent], files: Path) -> None:
    """The limits themselves are fine; one more is refused with the limit and the size found."""
    alice, _ = pair
    paths = [files / f"{number}.txt" for number in range(20)]
    for path in paths:
        path.write_text(path.name)
    (files / "large").write_bytes(b"x" * LIMIT)
    limited.send(alice.name, "see", attachments=[str(path) for path in [*paths[1:], files / "large"]], wait="done")
    assert len(alice.turns()[-1].attachments) == 20
    many = _refused(limited, alice.name, *paths, files / "large")
    assert (many.code, "21" in str(many), "20" in str(many)) == ("too-many", True, True)
    (files / "large").write_bytes(b"y" * (LIMIT + 1))
    large = _refused(limited, alice.name, paths[0], files / "large")
    assert (large.code, str(LIMIT) in str(large), str(LIMIT + 1) in str(large)) == ("too-large", True, True)


def test_what_is_no_file_is_refused(limited: Root, pair: tuple[Agent, Agent], files: Path) -> None:
    """By name, at once, with nothing kept of the good ones beside it."""
    alice, _ = pair
    good = files / "good.txt"
    good.write_text("good, and never seen before")
    os.mkfifo(files / "fifo")
    (files / "dangling").symlink_to(files / "nothing")
    (files / "round").symlink_to(files / "round")
    (files / "two\nlines").write_text("x")
    (files / "odd\x85name").write_text("x")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(files / "socket"))
        for path in (
            "good.txt", "./good.txt", "~/good.txt", "", files / "missing", files, files / "fifo", "/dev/zero",
            "/dev/tty",
            files / "dangling", files / "round", files / "two\nlines", files / "odd\x85name", files / "socket",
            files / "good.txt" / "below", f"{files}/a\0b", files / ("x" * 300),
        ):  # fmt: skip
            assert _refused(limited, alice.name, good, path).code == "attachment", path


def test_an_unreadable_file_is_refused(limited: Root, pair: tuple[Agent, Agent], files: Path) -> None:
    """With the system's reason. A file that nobody may open, whoever asks."""
    alice, _ = pair
    secret = "/proc/self/mem" if os.getuid() == 0 else str(files / "secret")
    if os.getuid() != 0:
        Path(secret).touch(mode=0)
    assert "cannot be read" in str(_refused(limited, alice.name, secret))


def test_a_session_attaches_from_its_own_places(limited: Root, pair: tuple[Agent, Agent], files: Path) -> None:
    """Its folder and the temporary one, by links too; nothing else, whatever the path looks like."""
    alice, bob = pair
    outside = files / "outside.txt"
    outside.write_text("neither in alice's folder nor temporary")
    own = alice.folder / "own.txt"
    own.write_text("mine")
    (alice.folder / "link").symlink_to(own)
    (alice.folder / "out").symlink_to(outside)
    (alice.folder / "up").symlink_to(outside.parent)
    (temporary := limited.base / "temporary" / "mine.txt").write_text("temporary")
    (alice.folder / "x").mkdir()
    allowed = [str(own), str(alice.folder / "link"), f"{alice.folder}/x/../own.txt", str(temporary)]
    say(limited, alice, bob.name, "see", attachments=allowed, wait="done")
    told = [Path(path) for path in bob.turns()[-1].attachments]
    assert [path.read_text() for path in told] == ["mine", "mine", "mine", "temporary"]
    assert [path.name for path in told[:3]] == ["own.txt", "link", "own.txt"]
    for path in (
        outside, alice.folder / "out", alice.folder / "up" / outside.name,
        f"{alice.folder}/{'../' * 12}{str(outside)[1:]}",
        "/etc/passwd", limited.base / "temporary" / "..", f"{temporary.parent}/../{files.name}/outside.txt",
        f"{alice.folder}/up/../../etc/hosts", "/proc/self/environ",
    ):  # fmt: skip
        refused = _refused(limited, bob.name, own, path, sender=alice)
        assert refused.code in ("attachment-place", "attachment"), path
    assert _refused(limited, bob.name, outside, sender=alice).code == "attachment-place"
    limited.send(bob.name, "see", attachments=[str(alice.folder / "out")], wait="done")
    assert Path(bob.turns()[-1].attachments[0]).read_bytes() == outside.read_bytes()


def test_a_refused_message_leaves_no_copy(limited: Root, pair: tuple[Agent, Agent], files: Path) -> None:
    """Whatever it is refused for."""
    alice, _ = pair
    fresh = files / "fresh.txt"
    fresh.write_text("fresh")
    assert _refused(limited, "nobody-there", fresh).code == "unknown-peer"
    assert _refused(limited, alice.name, fresh, sender=alice).code == "self-send"
    kept = _kept(limited)
    messages = [
        {"to": alice.name, "body": "one", "attachments": [str(fresh)]},
        {"to": alice.name, "body": "two", "attachments": [str(files / "missing")]},
    ]
    with pytest.raises(Refused, match=r"message 2: .*missing"):
        limited.call("POST", "/send/batch", {"messages": messages})
    messages[1] = {"to": "nobody-there", "body": "two"}
    with pytest.raises(PeerError, match="message 2: "):
        limited.call("POST", "/send/batch", {"messages": messages})
    assert _kept(limited) == kept


def test_a_refused_attachment_leaves_no_descriptor_open(limited: Root, pair: tuple[Agent, Agent], files: Path) -> None:
    """Whatever stands at the path: who sends such a thing again and again costs the daemon nothing."""
    (files / "folder").mkdir()
    os.mkfifo(files / "pipe")
    (files / "large").write_bytes(b"x" * (LIMIT + 1))
    assert limited.daemon is not None
    daemon = psutil.Process(limited.daemon.pid)
    names = ("folder", "pipe", "large", "none")
    before = daemon.num_fds()
    for name in names * 3:
        _refused(limited, pair[0].name, files / name)
    wait_for(lambda: daemon.num_fds() <= before + 2, "the connections to be closed", 5)
