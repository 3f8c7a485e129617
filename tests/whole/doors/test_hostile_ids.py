"""The conversation id that an agent reports becomes an argument of its program and a part of a path: it is checked."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from iapeer.model.envelope import Envelope, wire
from iapeer.model.errors import Refused
from iapeer.model.names import conversation_id
from iapeer.process.environment import environment
from iapeer.process.processes import SystemProcesses
from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.transcripttables import Find
from iapeer.sessions.conversation import Finder
from iapeer.sessions.elsewhere import conversation_with
from iapeer.sessions.filewatch import files_of, places_of
from iapeer.sessions.live import own_home
from tests.harness import REPO, Agent, Root, wait_for
from tests.unit.sessions.test_launchplan import plan_of
from tests.whole.daemon.tools import tell_turn_end, token_of

FLAG = "--yolo"
ENDLESS = "../conversations/" + "*/../" * 12 + "*"  # a search that would not end
FAKE = read_adapter(REPO / "fixtures" / "fake.toml").transcript
LETTER = Envelope("m1", "ann", "fake", "artificial", "hello")


def _live_state(agent: Agent, **words: Any) -> None:
    """What the agent's own program, or what it runs, writes into its live state."""
    (path,) = (agent.home / "state").glob(f"{agent.pid}.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **words}))


def _argv(agent: Agent) -> list[str]:
    return Path(f"/proc/{agent.pid}/cmdline").read_text().split("\0")


def _conversation(root: Root, name: str) -> str:
    return str(root.call("GET", f"/peers/{name}")["last_session"]["conversation"])


def _restart(root: Root, name: str) -> None:
    root.call("POST", f"/peers/{name}/stop", {})
    root.call("POST", f"/peers/{name}/start", {})


def _plant(agent: Agent) -> None:
    """A record of the name, so that there seems to be something to resume."""
    (agent.home / "conversations" / f"{FLAG}.jsonl").write_text('{"type":"x"}\n')


@pytest.mark.parametrize("ident", [FLAG, ENDLESS])
def test_what_an_agent_reports_is_no_flag_and_no_path(fleet: Root, ident: str) -> None:
    """By its live state and by its hook: it stays in its conversation, and others are served meanwhile."""
    alice, _ = fleet.peer("alice"), fleet.peer("bob")
    fleet.send("alice", "hello", wait="done")
    before = _conversation(fleet, "alice")
    _plant(alice)
    _live_state(alice, conversation=ident, status="waiting")
    wait_for(lambda: fleet.runtime("alice")["activity"] == "blocked", "the live state to be read")
    tell_turn_end(fleet, token_of(alice), json.dumps({"session_id": ident}).encode())
    _live_state(alice, status="idle")
    wait_for(lambda: fleet.runtime("alice")["activity"] == "idle", "the live state to be read again")
    assert fleet.send("bob", "hello", wait="done")["state"] == "done"
    assert _conversation(fleet, "alice") == before
    _restart(fleet, "alice")
    argv = _argv(alice)
    assert argv[argv.index("--resume") + 1] == before
    assert FLAG not in argv


def test_ids_on_record_are_checked_as_well(fleet: Root) -> None:
    """A database of before may hold such ids: these peers begin afresh, the others go on where they were."""
    names = {"flag": FLAG, "endless": ENDLESS, "good": ""}
    agents = {name: fleet.peer(name) for name in names}
    for name in names:
        fleet.send(name, "hello", wait="done")
        fleet.call("POST", f"/peers/{name}/stop", {})
    before = _conversation(fleet, "good")
    fleet.kill()
    _plant(agents["flag"])
    with contextlib.closing(sqlite3.connect(fleet.base / "root" / "state" / "iapeer.db", isolation_level=None)) as sql:
        for name in ("flag", "endless"):
            path = agents[name].home / "conversations" / f"{names[name]}.jsonl"
            change = "UPDATE sessions SET conversation = ?, transcript = ? WHERE personality = ?"
            sql.execute(change, (names[name], str(path), name))
    fleet.start()
    for name in names:
        fleet.call("POST", f"/peers/{name}/start", {})
    assert all({FLAG, "--resume"}.isdisjoint(_argv(agents[name])) for name in ("flag", "endless"))
    argv = _argv(agents["good"])
    assert argv[argv.index("--resume") + 1] == before


def test_a_launch_takes_no_other_id() -> None:
    """The last check, whatever led to it."""
    with pytest.raises(Refused) as refused:
        plan_of(mode="resume", conversation=FLAG)
    assert refused.value.code == "bad-conversation"


def test_an_id_among_open_files_and_other_records(tmp_path: Path) -> None:
    """Where the files of a program tell its conversation, their names are checked too."""
    assert conversation_id("0199a1b2-0000-7000-8000-000000000001") is not None
    assert [conversation_id(word) for word in (FLAG, "a/b", "a*", "", "a\n", "a" * 129, 7, None)] == [None] * 8
    rules = Find.model_validate(
        {"open": r"/(?P<conversation>[^/]+)\.jsonl$", "watch": "unused", "first": {"by": "user"}}
    )
    talks = {name: tmp_path / f"{name}.jsonl" for name in (FLAG, "sound")}
    line = {"type": "user", "by": "user", "text": wire(LETTER), "timestamp": "2100-01-01T00:00:00Z"}
    told: list[tuple[str | None, str | None]] = []
    for path in talks.values():
        path.write_text(json.dumps(line) + "\n")
        with path.open():
            finder = Finder(
                SystemProcesses(), rules, os.getpid(), lambda name: f"{tmp_path}/{name}.jsonl", str(tmp_path)
            )
            held = finder.current(None)
        told.append((held, conversation_with(FAKE, lambda name: f"{tmp_path}/{name}.jsonl", ("m1", 1), None)))
        path.unlink()
    assert told == [(None, None), ("sound", "sound")]


def _has_begun(pid: int) -> bool:
    return "FAKE_HOME" in psutil.Process(pid).environ()


def test_a_home_that_is_a_pattern_is_none() -> None:
    """A process says by its environment where its files are: never in many places at once."""
    adapter = read_adapter(REPO / "fixtures" / "fake.toml")
    told = []
    for home in ("/tmp/*/*/*", "/tmp/[x]"):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={"FAKE_HOME": home, "PATH": os.defpath}) as process:
            wait_for(functools.partial(_has_begun, process.pid), "its environment")
            told.append(own_home(adapter, environment(process.pid)))
            process.kill()
    assert told == [None, "/tmp/[x]"]


def test_no_search_is_endless(tmp_path: Path) -> None:
    """Whatever pattern is on record: up and down again, and to any depth, names nothing."""
    (tmp_path / "a").mkdir()
    for rest in ("*/../*", "**/*", "a/**"):
        assert files_of(f"{tmp_path}/{rest}") == []
        assert places_of(f"{tmp_path}/{rest}")[0] is None
    assert files_of(f"{tmp_path}/*") == [tmp_path / "a"]
