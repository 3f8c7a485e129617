"""Which conversation a process is in, told by the files that a real process holds open."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer.process.openfiles import open_files
from iapeer.process.processes import SystemProcesses
from iapeer.runtimes.transcripttables import Find
from iapeer.sessions.conversation import Finder

RULES = Find.model_validate(
    {
        "open": r"/locks/(?P<conversation>c\d)\.lock$",
        "watch": "unused",
        "first": {"by": "user"},
    }
)
# Opens each file it is told, says so, and keeps it open; one behind a > is opened by a child of its own, a tool's.
HOLDER = """import subprocess, sys
TOOL = "import sys; held = open(sys.argv[1], 'a'); print('ok', flush=True); sys.stdin.read()"
held = []
for line in sys.stdin:
    if line.startswith(">"):
        held.append(subprocess.Popen([sys.executable, "-c", TOOL, line[1:].strip()], stdin=subprocess.PIPE))
        continue
    held.append(open(line.strip(), "a"))
    print("ok", flush=True)
"""


class Holder:
    """A process, or the child of one, that holds files open."""

    def __init__(self, home: Path, *, as_child: bool = False) -> None:
        self.home = home
        for folder in (home / "locks", home / "records" / "1"):
            folder.mkdir(parents=True, exist_ok=True)
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDER!r}])" if as_child else HOLDER
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.finder = Finder(SystemProcesses(), RULES, self.process.pid, self.pattern, str(home / "locks"))

    def pattern(self, conversation: str | None) -> str:
        """Where a conversation's record is."""
        return f"{self.home}/records/*/r-{conversation}.jsonl"

    def open(self, path: Path, by: str = "") -> Path:
        """Let it open this file; `by` > a child of its own."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{by}{path}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"
        return path

    def lock(self, name: str) -> None:
        """It begins a conversation."""
        self.open(self.home / "locks" / f"{name}.lock")

    def record(self, name: str, at: int, by: str = "user") -> Path:
        """A conversation's record that was last written at a time."""
        path = self.home / "records" / "1" / f"r-{name}.jsonl"
        path.write_text(f'{{"by": "{by}"}}\n')
        self.open(path)
        os.utime(path, (at, at))
        return path


@contextlib.contextmanager
def held(home: Path, *, as_child: bool = False) -> Iterator[Holder]:
    """One that is gone afterwards."""
    made = Holder(home, as_child=as_child)
    assert made.process.stdin and made.process.stdout
    try:
        yield made
    finally:
        made.process.stdin.close()
        made.process.wait(10)
        made.process.stdout.close()


@pytest.fixture(params=[False, True], ids=["itself", "its child"])
def holder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Holder]:
    """A process that holds files, or whose child does."""
    with held(tmp_path, as_child=request.param) as made:
        yield made


def test_nothing_held_tells_nothing(holder: Holder) -> None:
    """What was known stays known."""
    assert holder.finder.current(None) is None
    assert holder.finder.current("c7") == "c7"


def test_a_lock_tells_it_before_there_is_a_record(holder: Holder) -> None:
    """And the record is expected where the next one will be made."""
    holder.lock("c1")
    assert holder.finder.current(None) == "c1"
    assert holder.finder.file("c1") is None
    places = holder.finder.places()
    assert places[holder.home / "locks"] == frozenset({"*"})
    assert places[holder.home / "records" / "1"] == frozenset({"r-c1.jsonl"})


def test_the_record_written_last_is_the_one_talked_in(holder: Holder) -> None:
    """A new conversation counts from its first record on; going back to the old one is followed as well."""
    holder.lock("c1")
    first = holder.record("c1", at=100)
    holder.lock("c2")
    assert (holder.finder.current("c1"), holder.finder.file("c1")) == ("c1", first)
    second = holder.record("c2", at=200)
    assert (holder.finder.current("c1"), holder.finder.file("c2")) == ("c2", second)
    os.utime(first, (300, 300))
    assert holder.finder.current("c2") == "c1"


def test_an_agents_own_agents_are_not_followed(holder: Holder) -> None:
    """Their records say so in their first line."""
    holder.lock("c1")
    holder.lock("c2")
    holder.record("c2", at=200, by="subagent")
    assert holder.finder.current("c1") == "c1"
    holder.record("c1", at=100)
    assert holder.finder.current("c1") == "c1"


def test_an_agent_that_a_tool_started_is_not_followed(holder: Holder) -> None:
    """The same program, run in the agent's shell: its record looks like a person's, and is another conversation's."""
    holder.lock("c1")
    holder.record("c1", at=100)
    nested = holder.home / "records" / "1" / "r-c2.jsonl"
    nested.write_text('{"by": "user"}\n')
    holder.open(nested, by=">")
    holder.open(holder.home / "locks" / "c2.lock", by=">")
    os.utime(nested, (300, 300))
    assert holder.finder.current("c1") == "c1"
    assert holder.finder.file("c2") is None


def test_a_record_that_is_only_read_is_not_followed(holder: Holder) -> None:
    """A program that begins looks into others' conversations; also before it has one itself."""
    holder.record("c2", at=200)
    assert (holder.finder.current(None), holder.finder.file("c2")) == (None, None)
    holder.lock("c1")
    assert holder.finder.current(None) == "c1"
    holder.record("c1", at=100)
    assert holder.finder.current("c1") == "c1"


def test_of_several_locks_none_is_guessed(holder: Holder) -> None:
    """Without a record it cannot be told."""
    holder.lock("c1")
    holder.lock("c2")
    assert holder.finder.current(None) is None


LINKS = {
    "a folder above the home": ".",
    "the home": "home",
    "the records": "home/records",
    "a folder of a star": "home/records/1",
    "the locks": "home/locks",
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS.keys())
def test_a_link_changes_nothing(tmp_path: Path, link: str) -> None:
    """The kernel names open files with every link followed: the conversation and its record are told all the same."""
    root = tmp_path / "root"
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "by another name").mkdir()
    (root / link).symlink_to(tmp_path / "by another name")
    with held(root / "home") as holder:
        holder.lock("c1")
        assert (holder.finder.current(None), holder.finder.file("c1")) == ("c1", None)
        assert holder.finder.places()[root / "home" / "locks"] == frozenset({"*"})
        assert holder.finder.places()[root / "home" / "records" / "1"] == frozenset({"r-c1.jsonl"})
        record = holder.record("c1", at=100)
        assert (holder.finder.current(None), holder.finder.file("c1")) == ("c1", record)


def test_a_record_of_the_same_name_elsewhere_is_not_it(holder: Holder, tmp_path: Path) -> None:
    """Nor one in a home whose name is a pattern."""
    holder.lock("c1")
    (tmp_path / "kept").mkdir()
    holder.open(tmp_path / "kept" / "r-c1.jsonl")
    assert (holder.finder.current(None), holder.finder.file("c1")) == ("c1", None)


def test_a_home_is_a_name_and_no_pattern(tmp_path: Path) -> None:
    """Brackets in it stand for themselves."""
    with held(tmp_path / "[ab]") as holder:
        holder.lock("c1")
        record = holder.record("c1", at=100)
        assert (holder.finder.current(None), holder.finder.file("c1")) == ("c1", record)


def test_a_process_that_is_gone_holds_nothing() -> None:
    """No error."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert open_files(process.pid) == []
