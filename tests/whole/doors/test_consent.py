"""What a file says counts at a launch once the operator has confirmed it: seen at the launched agent itself."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iapeer.model.errors import PeerError, Refused
from tests.harness import DEADLINE, Agent, Root, throw_away_root, wait_for
from tests.whole.daemon.tools import adapter_copy, ask_as, say, token_of

SECRET = "value-of-a-variable"
WORDS = "first words of a stranger"


@pytest.fixture(scope="module")
def house() -> Iterator[Root]:
    """A root with its daemon running. Each test uses peers of its own."""
    with throw_away_root() as made:
        made.start()
        yield made


def edit(folder: Path, **fields: Any) -> None:
    """Change the profile as anybody can who may write there."""
    path = folder / ".iapeer" / "peer-profile.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**before, **fields}))


def plant(folder: Path, runtime: str = "fake") -> None:
    """A launch.env with an argument and a variable that nobody has confirmed."""
    path = folder / ".iapeer" / "runtimes" / runtime / "launch.env"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.read_text() if path.exists() else ""
    path.write_text(f"{kept}PEER_START_ARGS=--bright-hint\nPLANTED={SECRET}\n")


def launched(root: Root, name: str) -> tuple[list[str], dict[str, str]]:
    """(command line, environment) of the peer's live agent, from the kernel."""
    proc = Path("/proc") / str(root.runtime(name)["pid"])
    pairs = (proc / "environ").read_bytes().decode().split("\0")
    return (proc / "cmdline").read_bytes().decode().split("\0"), dict(pair.partition("=")[::2] for pair in pairs)


def widened(root: Root, name: str) -> set[str]:
    """What of the planted things the live agent has."""
    argv, environ = launched(root, name)
    return {flag for flag in ("--yolo", "--bright-hint") if flag in argv} | ({"PLANTED"} & set(environ))


ALL = {"--yolo", "--bright-hint", "PLANTED"}


def problems(root: Root, name: str) -> list[str]:
    return [one["message"] for one in root.call("GET", "/verify")["problems"] if one["personality"] == name]


def hostile(root: Root, name: str) -> Agent:
    """A peer that lives, and has written into its own .iapeer/ what it would like to be."""
    agent = root.peer(name)
    root.send(name, "hello", wait="done")
    edit(agent.folder, permissions="bypass", intelligence="natural", initial_prompt=WORDS)
    plant(agent.folder)
    return agent


def test_an_agents_own_edits_widen_nothing_until_they_are_confirmed(root: Root) -> None:
    """Not by `self fresh`, `new`, a restart, or a daemon that was killed; told once, and it counts afterwards."""
    root.start()
    agent = hostile(root, "alice")
    first = agent.pid
    ask_as(root, token_of(agent), "/self", {"verb": "fresh"})
    wait_for(lambda: root.runtime("alice")["pid"] not in (None, first), "the fresh session")
    seen = [widened(root, "alice")]
    root.call("POST", "/peers/alice/new", {})
    seen.append(widened(root, "alice"))
    root.kill()
    root.start()
    root.call("POST", "/peers/alice/stop", {})
    root.call("POST", "/peers/alice/start", {})
    assert [*seen, widened(root, "alice")] == [set(), set(), set()]
    root.send("alice", "to a fresh session", wait="done")
    root.peer("bob")
    say(root, agent, "bob", "I am a person", wait="done")
    assert not any(WORDS in record.get("text", "") for record in agent.records())
    inbox = root.call("GET", "/peers/bob/inbox")["rows"]
    assert root.message(inbox[-1]["message"])["message"]["from"] == "alice"
    assert 'intelligence="artificial"' in Agent(root, "bob").records("user")[0]["text"]

    (event,) = root.events("unconfirmed")
    assert {"permissions", "initial_prompt", "fake: PEER_START_ARGS", "fake: variable PLANTED"} <= set(
        event["what"].split(", ")
    )
    listed = root.cli("list")
    assert "unconfirmed" in listed.stdout and "alice: not confirmed" in listed.stderr
    verified = root.cli("verify")
    assert verified.returncode == 1 and "`iapeer trust alice`" in verified.stdout
    shown = root.cli("show", "alice").stdout
    assert "permissions: bypass (confirmed: default)" in shown and "variable PLANTED: new" in shown
    said = root.cli("trust", "alice").stdout
    assert "  permissions: bypass (confirmed: default)\n" in said and "  fake: variable PLANTED: new\n" in said
    assert SECRET not in "".join([listed.stdout, verified.stdout, shown, said, json.dumps(root.events())])
    assert root.cli("verify").stdout == "Everything is in order.\n"
    root.call("POST", "/peers/alice/new", {})
    assert widened(root, "alice") == ALL


def test_a_name_in_the_profile_makes_nobody_another(house: Root) -> None:
    """Neither a fellow's nor the operator's: the session is who the registry says, and `verify` tells."""
    carl, dora = house.peer("carl"), house.peer("dora")
    for name in ("dora", "operator"):
        edit(carl.folder, personality=name)
        house.call("POST", "/peers/carl/new", {})
        environ = launched(house, "carl")[1]
        assert (environ["PEER_PERSONALITY"], environ["PEER_IDENTITY"]) == ("carl", "fake-carl")
        assert problems(house, "carl") == [f"the profile says '{name}', the registry 'carl'"]
        sent = say(house, carl, "dora", f"from {name}?", wait="done")
        assert house.message(sent["id"])["message"]["from"] == "carl"
    assert 'from="carl"' in dora.records("user")[-1]["text"]
    assert house.send("carl", "to carl", wait="done")["state"] == "done"


def test_a_runtime_that_was_edited_in_does_not_count(house: Root) -> None:
    """It is no runtime of the peer before it is confirmed; `runtime-add` confirms it, not the settings beside it."""
    adapter_copy(house, "added")
    eve = house.peer("eve")
    edit(eve.folder, runtimes=["added", "fake"], default_runtime="added")
    plant(eve.folder, "added")
    assert house.send("eve", "hello", wait="done")["to"]["runtime"] == "fake"
    with pytest.raises(Refused, match="has no runtime 'added'"):
        house.send("eve", "hello", runtime="added")
    house.call("POST", "/peers/eve/runtimes", {"runtime": "added"})
    house.call("POST", "/peers/eve/start", {"runtime": "added"})
    (added,) = [one for one in house.call("GET", "/peers/eve")["peer"]["runtimes"] if one["runtime"] == "added"]
    environ = Path(f"/proc/{added['pid']}/environ").read_bytes().decode()
    assert "PLANTED" not in environ
    assert "variable PLANTED" in str(problems(house, "eve"))


def test_what_the_operator_sets_is_confirmed_and_nothing_else(house: Root) -> None:
    """`set` takes its own fields, also where the file says the same already; the planted rest waits."""
    fred = hostile(house, "fred")
    house.call("PATCH", "/peers/fred", {"fields": {"permissions": "bypass"}})
    house.call("POST", "/peers/fred/new", {})
    assert widened(house, "fred") == {"--yolo"}
    assert house.call("GET", "/peers/fred")["confirmed"]["intelligence"] == "artificial"
    with pytest.raises(PeerError) as refused:
        ask_as(house, token_of(fred), "/peers/fred/trust", {})
    assert refused.value.code == "operator-only"


def test_what_changed_after_it_was_shown_is_not_confirmed(house: Root) -> None:
    """A question is answered for what was asked."""
    gus = hostile(house, "gus")
    terms = house.call("GET", "/peers/gus")["terms"]
    path = gus.folder / ".iapeer" / "runtimes" / "fake" / "launch.env"
    path.write_text(path.read_text().replace(SECRET, "another"))
    with pytest.raises(Refused) as refused:
        house.call("POST", "/peers/gus/trust", {"terms": terms})
    assert refused.value.code == "changed"
    house.call("POST", "/peers/gus/new", {})
    assert widened(house, "gus") == set()


# ---- a folder that brings its own


def clone(root: Root, name: str) -> Path:
    """A folder as somebody else left it."""
    folder = root.base / name
    edit(
        folder, personality=name, default_runtime="fake", runtimes=["fake"], permissions="bypass",
        initial_prompt=f"{WORDS}\n\x1b[2Jand more " + "x" * 500,
    )  # fmt: skip
    plant(folder)
    return folder


def test_a_clone_brings_nothing_unseen(house: Root) -> None:
    """`init` lists what the folder wants, whole but without control characters, and takes none of it."""
    folder = clone(house, "lib")
    done = house.cli("init", str(folder))
    assert done.returncode == 0
    wants = "permissions: bypass", "PEER_START_ARGS: --bright-hint", "variable PLANTED: new", "`iapeer trust lib`"
    assert all(line in done.stdout for line in wants)
    (prompt,) = [line for line in done.stdout.splitlines() if "initial_prompt" in line]
    assert WORDS in prompt and prompt.endswith('xx" (confirmed: none)')
    assert "\x1b" not in done.stdout and SECRET not in done.stdout
    assert "iapeer answers yes" in done.stdout
    house.call("POST", "/peers/lib/start", {})
    assert widened(house, "lib") == set()


def test_trust_takes_what_a_clone_brings(house: Root) -> None:
    """The yes on the command line; what was taken is said."""
    done = house.cli("init", str(clone(house, "lib2")), "--trust")
    assert "permissions: bypass - fake will act without asking" in done.stdout
    assert "fake: variable PLANTED: new" in done.stdout
    house.call("POST", "/peers/lib2/start", {})
    assert widened(house, "lib2") == ALL


@pytest.mark.parametrize(("answer", "has"), [("", set()), ("y", ALL)])
def test_at_a_terminal_it_is_asked(house: Root, answer: str, has: set[str]) -> None:
    """The default is no."""
    name = f"lib-{answer or 'no'}"
    shown = asked(house, "init", str(clone(house, name)), says=answer)
    assert shown.index("variable PLANTED: new") < shown.index("Confirm all of it? [y/N]")
    house.call("POST", f"/peers/{name}/start", {})
    assert widened(house, name) == has


def test_the_folder_launch_asks_too(house: Root) -> None:
    """Before the agent is started in this terminal; what is not confirmed does not count there either."""
    folder = clone(house, "lib3")
    has: list[set[str]] = []

    def look() -> None:
        wait_for(lambda: house.runtime("lib3")["pid"], "the agent")
        has.append(widened(house, "lib3"))
        house.call("POST", "/peers/lib3/stop", {})

    shown = asked(house, "fake", says="", cwd=folder, then=look)
    assert "This folder is now the peer lib3 (fake)." in shown and "permissions: bypass" in shown
    assert "iapeer answers yes" in shown
    assert has == [set()]


def asked(
    root: Root, *args: str, says: str, cwd: Path | None = None, until: str = "[y/N]",
    meanwhile: Callable[[], None] = lambda: None, then: Callable[[], None] = lambda: None,
) -> str:  # fmt: skip
    """What a command shows at a terminal, whose person answers so after `until`.

    `meanwhile` something happens before the answer, `then` after it.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "iapeer", *args], env={**root.env, "TERM": "xterm"}, cwd=cwd or root.base,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = _read(ours, until=until)
    meanwhile()
    os.write(ours, f"{says}\n".encode())
    then()
    shown += _read(ours)
    os.close(ours)
    process.wait(DEADLINE)
    return shown


def _read(terminal: int, until: str | None = None) -> str:
    """What comes, up to `until` or to the end of who writes."""
    shown, deadline = b"", time.monotonic() + DEADLINE
    while until is None or until.encode() not in shown:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], shown
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
    return shown.decode("utf-8", "replace")


# ---- programs and adapters


def test_another_program_or_adapter_is_not_run(root: Root) -> None:
    """Not even for its version: a program that is found elsewhere by now, and a user's adapter that was changed."""
    places = [root.base / "first", root.base / "second"]
    for place in places:
        place.mkdir()
    inner = root.env["IAPEER_FAKE_BIN"]
    _program(places[1] / "fakebin", f'exec "{inner}" "$@"')
    root.env["PATH"] = os.pathsep.join([*map(str, places), root.env["PATH"]])
    root.start()
    adapter = adapter_copy(root, "mine", binary="fakebin")
    root.call("POST", "/peers", {"create": True, "name": "hal", "runtime": "mine"})
    mark = root.base / "ran"
    _program(places[0] / "fakebin", f'touch "{mark}"; exec "{inner}" "$@"')
    adapter.write_text(adapter.read_text() + '\n[launch.env]\nCHANGED = "1"\n')
    root.call("POST", "/peers/hal/start", {})
    root.call("GET", "/runtimes")
    root.call("GET", "/verify")
    assert not mark.exists() and "CHANGED" not in launched(root, "hal")[1]
    said = root.cli("trust", "hal").stdout
    assert f"program of mine: {places[0]}/fakebin (confirmed: {places[1]}/fakebin)" in said
    assert f"adapter mine: {adapter} is changed" in said
    root.call("POST", "/peers/hal/new", {})
    assert mark.exists() and "CHANGED" in launched(root, "hal")[1]
    (places[0] / "fakebin").unlink()
    with pytest.raises(Refused, match="which is gone"):
        root.call("POST", "/peers/hal/new", {})


def _program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_an_adapter_that_nobody_named_counts_for_nothing(root: Root) -> None:
    """One in the place of a bundled one, also for who trusts a folder; and one that only a folder names."""
    root.start()
    mark = root.base / "ran"
    _program(root.base / "trap", f'touch "{mark}"')
    adapter_copy(root, "aaa", binary=str(root.base / "trap"))
    over = adapter_copy(root, "fake")
    over.write_text(over.read_text() + '\n[launch.env]\nCHANGED = "1"\n')
    root.call("POST", "/peers", {"create": True, "name": "ida", "runtime": "fake", "trust": True})
    root.call("POST", "/peers/ida/start", {})
    assert "CHANGED" not in launched(root, "ida")[1]
    folder = root.base / "lib"
    edit(folder, personality="lib", default_runtime="aaa", runtimes=["aaa"])
    root.call("POST", "/peers", {"dir": str(folder)})
    with pytest.raises(Refused, match="never confirmed"):
        root.call("POST", "/peers/lib/start", {})
    listed = {one["name"]: one for one in root.call("GET", "/runtimes")["runtimes"]}
    assert "never confirmed" in listed["aaa"]["warning"] and listed["fake"]["origin"] == "bundled"
    assert not mark.exists()
    root.call("POST", "/peers/ida/trust", {})
    root.call("POST", "/peers/ida/new", {})
    assert "CHANGED" in launched(root, "ida")[1]
