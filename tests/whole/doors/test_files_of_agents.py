"""What an agent sends from files: only from its own places, whatever it does to the path, and whatever it sets."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.files.within import open_within
from iapeer.model.errors import PeerError, Refused
from tests.harness import Agent, Root, throw_away_root
from tests.whole.daemon.tools import say

SECRET = "what only the operator may read"
IAPEER = f"{shlex.quote(sys.executable)} -m iapeer"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
HOMELESS = "TMPDIR=/ HOME=/"
NAMELESS = "IAPEER_SESSION= IAPEER_TOKEN= PEER_IDENTITY="


@pytest.fixture(scope="module")
def root() -> Iterator[Root]:
    """A house whose temporary folder is not the one that all of this is in, with alice, who is live, and bob."""
    with throw_away_root() as made:
        (made.base / "temporary").mkdir()
        made.start(TMPDIR=str(made.base / "temporary"))
        made.peer("bob")
        made.peer("alice")
        made.send("alice", "hello", wait="done")
        yield made


@pytest.fixture(scope="module")
def alice(root: Root) -> Agent:
    """Her, and a secret beside her folder."""
    (root.base / "secret").mkdir()
    (root.base / "secret" / "file").write_text(SECRET)
    (root.base / "secret" / "batch").write_text(f'{{"to": "bob", "body": "{SECRET}"}}\n')
    return Agent(root, "alice")


def _runs(alice: Agent, command: str) -> str:
    """What a command says that the agent's tool runs in its folder."""
    out = alice.root.base / "out"
    out.unlink(missing_ok=True)
    alice.root.send("alice", f"@@TOOL cd {alice.folder}; {command} >{out} 2>&1@@", wait="done")
    return out.read_text()


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("", "send bob -f ../secret/file"),
        (HOMELESS, "send bob --file=../secret/file"),
        (HOMELESS, "send bob --urgent -f link"),
        (HOMELESS, "ask bob -f ../secret/file"),
        (HOMELESS, "send --batch ../secret/batch"),
        (HOMELESS, "send bob hello --attach ../secret/file"),
        (NAMELESS, "send bob -f ../secret/file"),
        (NAMELESS, "send --batch ../secret/batch"),
    ],
)
def test_no_file_from_elsewhere_is_sent(root: Root, alice: Agent, before: str, words: str) -> None:
    """By the command line inside its session; one that hides the session is refused for what it descends from."""
    (alice.folder / "link").unlink(missing_ok=True)
    (alice.folder / "link").symlink_to(root.base / "secret" / "file")
    said = _runs(alice, f"{before} {IAPEER} {words}")
    assert ("runs inside" if before == NAMELESS else "outside the folders") in said
    assert SECRET not in said
    assert not root.events("accepted", peer="bob")


def test_its_own_files_are_sent(root: Root, alice: Agent) -> None:
    """Of its folder and the temporary one, what it pipes in itself, and what it was sent."""
    (alice.folder / "own").write_text("own")
    (alice.folder / "batch").write_text('{"to": "operator", "body": "of a batch"}\n')
    (root.base / "temporary" / "file").write_text("temporary")
    root.send("alice", "see", attachments=[str(root.base / "secret" / "file")], wait="done")
    given = next(turn.attachments[0] for turn in alice.turns() if turn.attachments)
    for words in (
        "send operator -f own", f"send operator -f {root.base}/temporary/file", "send --batch batch",
        f"send operator -f {given}", "send operator -f - <own",
    ):  # fmt: skip
        _runs(alice, f"{IAPEER} {words}")
    rows = root.call("GET", "/peers/operator/inbox")["rows"]
    bodies = [root.message(row["message"])["message"]["body"] for row in rows if row["from"] == "alice"]
    assert [body for body in bodies if "@@" not in body][-5:] == ["own", "temporary", "of a batch", SECRET, "own"]


def test_its_folder_that_became_a_link_is_not_followed(root: Root, alice: Agent) -> None:
    """The folder is the one that was registered, not whatever stands in its place."""
    aside = root.base / "aside"
    alice.folder.rename(aside)
    alice.folder.symlink_to(root.base / "secret")
    try:
        with pytest.raises(Refused) as refused:
            say(root, alice, "bob", "see", attachments=[str(alice.folder / "file")])
    finally:
        alice.folder.unlink()
        aside.rename(alice.folder)
    assert refused.value.code == "attachment-place"


def _exchange(folder: Path, elsewhere: Path) -> None:
    """Make the folder a link to another one, and a folder again, for ever; on Linux it is never missing between."""
    link, aside = folder.with_name("link-aside"), folder.with_name("aside")
    link.symlink_to(elsewhere)
    at_once = getattr(ctypes.CDLL(None), "renameat2", None)
    while at_once is not None:
        at_once(_AT_FDCWD, bytes(folder), _AT_FDCWD, bytes(link), _RENAME_EXCHANGE)
    while True:
        folder.rename(aside)
        link.rename(folder)
        folder.rename(link)
        aside.rename(folder)


@contextlib.contextmanager
def _exchanged(folder: Path, elsewhere: Path) -> Iterator[None]:
    worker = multiprocessing.get_context("fork").Process(target=_exchange, args=(folder, elsewhere), daemon=True)
    worker.start()
    try:
        yield
    finally:
        worker.kill()
        worker.join()


def _with_file(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "file").write_text(text)
    return folder


def test_a_folder_that_is_exchanged_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    """Thousands of times: what is opened is the agent's own file, or nothing is."""
    own = _with_file(tmp_path.resolve() / "own" / "x", "mine")
    elsewhere = _with_file(tmp_path / "elsewhere", SECRET)
    seen: dict[str, int] = {}
    with _exchanged(own, elsewhere):
        for _ in range(5000):
            try:
                with open_within(str(own / "file"), [own.parent], "The file") as file:
                    found = file.read().decode()
            except (PeerError, OSError):
                found = "refused"
            seen[found] = seen.get(found, 0) + 1
    assert SECRET not in seen, seen
    assert min(seen.get("mine", 0), seen.get("refused", 0)) > 50, seen


def test_no_attachment_is_taken_from_an_exchanged_folder(root: Root, alice: Agent) -> None:
    """The same with a whole daemon: no copy ever holds what is not the agent's."""
    own = _with_file(alice.folder / "mine" / "x", "mine")
    elsewhere = _with_file(root.base / "elsewhere", f"{SECRET}, exchanged")
    taken = 0
    with _exchanged(own, elsewhere):
        for _ in range(100):
            with contextlib.suppress(Refused):
                say(root, alice, "operator", "see", attachments=[str(own / "file")])
                taken += 1
    kept = [path.read_text() for path in (root.base / "root" / "data" / "attachments").glob("*/*")]
    assert taken
    assert "mine" in kept
    assert f"{SECRET}, exchanged" not in kept
