"""Ephemeral workers on the real agents: each model is asked what it was sent, and each conversation what it holds."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from fixtures.model_script import Answer, FakeModel, Request
from iapeer.model.envelope import decode
from tests.harness import wait_for
from tests.real.conftest import Models, RealFleet, real_fleet
from tests.whole.daemon.tools import person
from tests.whole.faults.kit import background

pytestmark = pytest.mark.real

WORKERS = {"alice": "claude", "carol": "codex"}
RUNTIMES = {**WORKERS, "bob": "codex", "bill": "claude", "beth": "claude"}
BIRDS = ("heron", "stork", "egret", "ibis", "crane")
LATE_S = 120.0


@pytest.fixture
def fleet(models: Models) -> Iterator[RealFleet]:
    """A fleet with its daemon, and two workers: alice, a Claude Code, and carol, a Codex."""
    with real_fleet(models) as made:
        made.start()
        for name, runtime in WORKERS.items():
            _hire(made, name, runtime)
        yield made


def _hire(fleet: RealFleet, name: str, runtime: str, **fields: Any) -> None:
    getattr(fleet, runtime)(name)
    fleet.call("PATCH", f"/peers/{name}", {"fields": {"wake_policy": "ephemeral", **fields}})


def _word(name: str, bird: str) -> str:
    """A task that tells whose it is, and which."""
    return f"{bird}-of-{name}"


WORDS = [_word(name, bird) for name in RUNTIMES for bird in BIRDS]


def _named(text: str) -> set[str]:
    return {word for word in WORDS if word in text}


def _final(fleet: RealFleet, *idents: str) -> list[str]:
    found = [fleet.until(ident, "done", "failed", "dead", "expired", seconds=LATE_S) for ident in idents]
    return [one["row"]["state"] for one in found]


def _asleep(fleet: RealFleet, *names: str) -> None:
    for name in names:
        fleet.call("GET", f"/peers/{name}/wait", state="asleep", timeout_s=60)


def _sessions(fleet: RealFleet, name: str) -> list[dict[str, Any]]:
    """Its sessions in order: id, mode, cause, how it ended, conversation."""
    found = []
    for event in fleet.events("session_opened", peer=name):
        one = fleet.call("GET", f"/sessions/{event['session']}")
        found.append({key: one[key] for key in ("id", "mode", "cause", "end_cause", "conversation")})
    return found


def _ends(fleet: RealFleet, name: str) -> list[str]:
    return [one["end_cause"] for one in _sessions(fleet, name)]


def _conversations(fleet: RealFleet, name: str) -> list[Path]:
    """The conversation files that its program made for its folder."""
    if RUNTIMES[name] == "codex":
        files = (fleet.home / ".codex" / "sessions").rglob("rollout-*.jsonl")
        return [file for file in files if f'"cwd":"{fleet.folder(name)}"' in file.read_text()]
    return list((fleet.home / ".claude" / "projects").glob(f"*-{name}/*.jsonl"))


def _api(fleet: RealFleet, name: str) -> FakeModel:
    return fleet.models.responses if RUNTIMES[name] == "codex" else fleet.models.messages


def _asked(fleet: RealFleet, name: str) -> list[Request]:
    """The turns and tool results of its model, in order."""
    who = f"(identity {RUNTIMES[name]}-{name}:"
    found = [request for request in _api(fleet, name).requests if request.kind in ("turn", "tool-result")]
    return [request for request in found if who in request.system]


def _tries(fleet: RealFleet, name: str) -> list[tuple[str, int]]:
    """What the model was told, as (body, attempt): each turn's last message."""
    told = [decode(text) for request in _asked(fleet, name) if request.kind == "turn" for text in request.texts]
    return [(envelope.body, envelope.attempt) for envelope in told if envelope is not None]


def _was_told(fleet: RealFleet, name: str, body: str) -> bool:
    return body in dict(_tries(fleet, name))


def _nothing_left(fleet: RealFleet) -> None:
    """No process of any session, no server, no socket."""
    assert not fleet.processes()
    assert [file.name for file in (fleet.base / "root" / "state" / "socks").glob("*.sock")] == ["daemon.sock"]
    assert not list((fleet.base / "root" / "state" / "sessions").glob("*"))


def _one_task_each(fleet: RealFleet, own: str = "nobody") -> None:
    """Whatever the models were asked, but by the peer `own`, was of one task, and so is every conversation's file."""
    for request in (*fleet.models.messages.requests, *fleet.models.responses.requests):
        if f"-{own}:" not in request.system:
            assert len(_named(json.dumps(request.messages))) == 1, request
            assert not _named(request.system)
    for name in WORKERS:
        talks = {one["conversation"]: _one(fleet, one["id"]) for one in _sessions(fleet, name)}
        files = _conversations(fleet, name)
        assert {next(talk for talk in talks if file.stem.endswith(talk)) for file in files} == set(talks)
        assert len(files) == len(talks)
        for file in files:
            talk = next(talk for talk in talks if file.stem.endswith(talk))
            assert _named(file.read_text()) == {talks[talk]}


def _one(fleet: RealFleet, session: str) -> str:
    """The task that was typed into a session."""
    typed = {event["message"] for event in fleet.events("typed") if event["session"] == session}
    assert len(typed) == 1
    (word,) = _named(fleet.message(typed.pop())["message"]["body"])
    return word


def test_five_tasks_have_five_conversations(fleet: RealFleet) -> None:
    """Of a peer and of a person, to both vendors' workers at once: each alone in its session, in order, answered."""
    fleet.codex("bob")
    for name in WORKERS:
        wish = json.dumps({"personality": name, "message": _word(name, BIRDS[0])})
        assert fleet.send("bob", f"@@TOOL iapeer/send_to_peer {wish}@@", wait="done")["state"] == "done"
    sent = {name: [fleet.send(name, _word(name, bird))["id"] for bird in BIRDS[1:4]] for name in WORKERS}
    calls = {name: background(functools.partial(fleet.cli, "ask", name, _word(name, BIRDS[4]))) for name in WORKERS}
    for name, idents in sent.items():
        assert _final(fleet, *idents) == ["done"] * 3
        assert calls[name]().stdout == f"ECHO: {_word(name, BIRDS[4])}\n"
    _asleep(fleet, *WORKERS)
    for name in WORKERS:
        found = _sessions(fleet, name)
        assert [(one["mode"], one["cause"], one["end_cause"]) for one in found] == [
            ("fresh", "ephemeral-policy", "reaped")
        ] * 5
        assert _tries(fleet, name) == [(_word(name, bird), 1) for bird in BIRDS]
        ended = [event["ts"] for event in fleet.events("session_ended", peer=name)]
        begun = [event["ts"] for event in fleet.events("wake", peer=name)]
        assert all(one <= two for one, two in itertools.pairwise(sorted([*begun, *ended])))
        assert all(end <= begin for end, begin in zip(ended, begun[1:], strict=False))
    _one_task_each(fleet, "bob")
    inbox = [row["preview"] for row in fleet.call("GET", "/peers/operator/inbox")["rows"]]
    assert all(f"ECHO: {_word(name, bird)}" in inbox for name in WORKERS for bird in BIRDS[1:])
    for name in WORKERS:
        told = functools.partial(_was_told, fleet, "bob", f"ECHO: {_word(name, BIRDS[0])}")
        wait_for(told, "bob to be told")
    fleet.call("POST", "/peers/bob/stop", {})
    _nothing_left(fleet)
    assert not fleet.events("degraded", "actor_error", "launch_failed", "dialog")


class Doors:
    """Holds every answer to a task back until its door is opened, and tells which attempts have come."""

    def __init__(self, fleet: RealFleet) -> None:
        self._open = {word: threading.Event() for word in WORDS}
        for api in (fleet.models.messages, fleet.models.responses):
            api.script = self._wait

    def _wait(self, request: Request) -> Answer | None:
        for word in _named("".join(request.texts)):
            self._open[word].wait(LATE_S)
        return None

    def open(self, *words: str) -> None:
        """Their turns may end; by default all."""
        for word in words or WORDS:
            self._open[word].set()


@pytest.fixture
def doors(fleet: RealFleet) -> Iterator[Doors]:
    """Shut, and open in the end."""
    made = Doors(fleet)
    yield made
    made.open()


@dataclass(frozen=True)
class Session:
    """The processes of a live session."""

    agent: psutil.Process
    server: psutil.Process


def _at_work(fleet: RealFleet, name: str, bird: str, attempt: int) -> Session:
    """The session, once the daemon knows and the model was told that it works on this attempt of a task."""

    def told() -> bool:
        if fleet.runtime(name)["status"] == "failing":  # three deaths, and the guard leaves it down: it is to try again
            fleet.call("POST", f"/peers/{name}/start", {})
        return (_word(name, bird), attempt) in _tries(fleet, name)

    wait_for(told, f"{name} to be told of {bird}", LATE_S)

    def runs() -> int | None:
        told = [event["message"] for event in fleet.events("delivered", peer=name) if event["attempt"] == attempt]
        there = told and fleet.message(told[-1])["message"]["body"] == _word(name, bird)
        return fleet.runtime(name)["pid"] if there else None

    agent = psutil.Process(wait_for(runs, f"{name} to run {bird}", LATE_S))
    server = agent.parent()
    assert server is not None
    return Session(agent, server)


def _kill(process: psutil.Process) -> None:
    """kill -9, unless it was ended a moment ago."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def _back(fleet: RealFleet) -> None:
    """kill -9 of the daemon, and another one."""
    fleet.kill()
    fleet.start()


def test_whatever_is_killed_only_attempts_change(fleet: RealFleet, doors: Doors) -> None:
    """Daemon, tmux server and agent, in the middle of a task and between two: five tasks, in order, none doubled.

    A task whose session died comes back twice at most, each time in a session of its own.
    """
    sent = {name: [fleet.send(name, _word(name, bird))["id"] for bird in BIRDS] for name in WORKERS}

    def kill(number: int, *whats: str) -> None:
        for attempt, what in enumerate(whats, 1):
            for name in WORKERS:
                _kill(getattr(_at_work(fleet, name, BIRDS[number], attempt), what))

    def done(number: int, attempt: int, what: str | None = None) -> None:
        for name in WORKERS:
            session = _at_work(fleet, name, BIRDS[number], attempt)
            doors.open(_word(name, BIRDS[number]))
            assert _final(fleet, sent[name][number]) == ["done"]
            if what is not None:
                _kill(getattr(session, what))

    done(0, 1)
    _back(fleet)
    kill(1, "agent")
    done(1, 2, "agent")
    for name in WORKERS:
        _at_work(fleet, name, BIRDS[2], 1)
    _back(fleet)
    done(2, 1, "server")
    kill(3, "server", "agent", "agent")
    done(4, 1)
    _asleep(fleet, *WORKERS)
    for name, idents in sent.items():
        rows = [fleet.message(ident)["row"] for ident in idents]
        assert [(row["state"], row["attempt"]) for row in rows] == [
            ("done", 1), ("done", 2), ("done", 1), ("dead", 3), ("done", 1)
        ]  # fmt: skip
        wanted = zip((0, 1, 1, 2, 3, 3, 3, 4), (1, 1, 2, 1, 1, 2, 3, 1), strict=True)
        assert _tries(fleet, name) == [(_word(name, BIRDS[number]), attempt) for number, attempt in wanted]
        assert {one["mode"] for one in _sessions(fleet, name)} == {"fresh"}
    _one_task_each(fleet)
    wait_for(lambda: not fleet.processes(), "every process to end")
    _nothing_left(fleet)
    inbox = [row["preview"] for row in fleet.call("GET", "/peers/operator/inbox")["rows"]]
    assert sorted(_named(text).pop() for text in inbox if "ECHO" in text) == sorted(
        _word(name, bird) for name in WORKERS for bird in BIRDS if bird != BIRDS[3]
    )
    for name in WORKERS:
        ends = _ends(fleet, name)
        assert (len(ends), ends[1], ends[4:7], set(ends)) == (8, "exit", ["exit"] * 3, {"reaped", "exit"})


def test_an_error_arms_nothing_and_the_agents_word_does(fleet: RealFleet) -> None:
    """After an API error the session stays for its unarmed time, then the next task has its own.

    `iapeer self done` in Claude Code's own shell asks nobody, and arms although the turn ends in an error.
    """
    _hire(fleet, "bill", "claude")
    fleet.models.messages.script = lambda request: Answer(status=400, text="late") if request.results else None
    wish = json.dumps({"command": "iapeer self done", "description": "done"})
    said = fleet.send("bill", f"@@TOOL Bash {wish}@@ {_word('bill', BIRDS[0])}")["id"]
    sent = {}
    for name in WORKERS:
        fleet.call("PATCH", f"/peers/{name}", {"fields": {"unarmed_secs": 4}})
        bodies = (f"@@ERR 400@@ {_word(name, BIRDS[0])}", _word(name, BIRDS[1]))
        sent[name] = [fleet.send(name, body)["id"] for body in bodies]
    for idents in sent.values():
        assert _final(fleet, *idents) == ["failed", "done"]
        assert "400" in fleet.message(idents[0])["row"]["error"]
    assert _final(fleet, said) == ["failed"]
    _asleep(fleet, *WORKERS, "bill")
    for name in WORKERS:
        assert _ends(fleet, name) == ["unarmed", "reaped"]
        assert fleet.events("reaping", peer=name)[0]["idle_s"] >= 4
    assert _asked(fleet, "bill")[-1].results == (
        "Noted: this session ends once its turn is over and nothing happens any more.",
    )
    assert [event["why"] for event in fleet.events("marked", peer="bill")] == ["self-done"]
    assert _ends(fleet, "bill") == ["reaped"]
    assert not fleet.events("dialog", "blocked")
    _one_task_each(fleet)
    _nothing_left(fleet)


def test_background_work_is_waited_for(fleet: RealFleet) -> None:
    """A turn's good end arms nothing while a shell runs beside it; the turn that tells of the shell's end does.

    If that turn fails it is no arm. What runs for ever is ended with its session, by the unarmed time.
    """
    gates = {name: fleet.base / f"gate-{name}" for name in ("alice", "bill", "beth")}
    for name in ("bill", "beth"):
        _hire(fleet, name, "claude")
    fleet.models.messages.script = _fail_of("beth")
    sent = {name: fleet.send(name, _beside(gate))["id"] for name, gate in gates.items()}
    for name, ident in sent.items():
        assert _final(fleet, ident) == ["done"]
        wait_for(functools.partial(_has_shell, fleet, name), f"{name} to show its work")
    gates["beth"].touch()
    wait_for(lambda: _last(fleet, "beth", "<task-notification>"), "beth to be told")
    for name in ("bill", "beth"):
        fleet.call("PATCH", f"/peers/{name}", {"fields": {"unarmed_secs": 4}})
        fleet.screen(name)  # its actor looks
    _asleep(fleet, "bill", "beth")
    assert (_ends(fleet, "bill"), _ends(fleet, "beth")) == (["unarmed"], ["unarmed"])
    assert not [event for name in gates for event in fleet.events("marked", peer=name)]
    assert _has_shell(fleet, "alice")
    gates["alice"].touch()
    _asleep(fleet, "alice")
    assert _ends(fleet, "alice") == ["reaped"]
    assert _last(fleet, "alice", "<task-notification>")
    _nothing_left(fleet)


def _beside(gate: Path) -> str:
    """A task that begins work in the background, which lasts until the gate is there."""
    command = f"while [ ! -e {gate} ]; do sleep 0.1; done; echo over"
    return f"@@TOOL Bash {json.dumps({'command': command, 'description': 'wait', 'run_in_background': True})}@@"


def _fail_of(name: str) -> Any:
    """The model of one peer answers the end of background work with an error."""

    def act(request: Request) -> Answer | None:
        notified = f"-{name}:" in request.system and _ends_in(request, "<task-notification>")
        return Answer(status=400, text="no luck") if notified else None

    return act


def _has_shell(fleet: RealFleet, name: str) -> bool:
    path = fleet.home / ".claude" / "sessions" / f"{fleet.runtime(name)['pid']}.json"
    return bool(json.loads(path.read_text())["status"] == "shell")


def test_attach_resumes_what_was_reaped(fleet: RealFleet) -> None:
    """A person talks on in the worker's last conversation; a task waits for a session of its own meanwhile."""
    sent = {name: fleet.send(name, _word(name, BIRDS[0]))["id"] for name in WORKERS}
    assert _final(fleet, *sent.values()) == ["done"] * 2
    _asleep(fleet, *WORKERS)
    tasks = {}
    with contextlib.ExitStack() as there:
        people = {name: there.enter_context(person(fleet, name)) for name in WORKERS}
        for name, someone in people.items():
            someone.sees(BIRDS[0].encode())
            fleet.call("GET", f"/peers/{name}/wait", state="idle", timeout_s=60)
            wait_for(functools.partial(_attached, fleet, name), "the person to be seen")
            tasks[name] = fleet.send(name, _word(name, BIRDS[1]))["id"]
            fleet.until(tasks[name], "held")
            someone.type(b"and now?")
            wait_for(functools.partial(_shows, fleet, name, "and now?"), "the words to stand there")
            someone.type(b"\r")
            told = wait_for(functools.partial(_last, fleet, name, "and now?"), f"{name}'s model to be asked")
            assert _named(json.dumps(told.messages)) == {_word(name, BIRDS[0])}
    for name, ident in tasks.items():
        assert _final(fleet, ident) == ["done"]
        _asleep(fleet, name)
        found = _sessions(fleet, name)
        assert [(one["mode"], one["cause"], one["end_cause"]) for one in found] == [
            ("fresh", "ephemeral-policy", "reaped"), ("resume", "attach", "reaped"),
            ("fresh", "ephemeral-policy", "reaped"),
        ]  # fmt: skip
        assert found[0]["conversation"] == found[1]["conversation"] != found[2]["conversation"]
        assert _named(json.dumps(_asked(fleet, name)[-1].messages)) == {_word(name, BIRDS[1])}
    _nothing_left(fleet)


def _attached(fleet: RealFleet, name: str) -> bool:
    return bool(fleet.runtime(name)["attached"])


def _shows(fleet: RealFleet, name: str, words: str) -> bool:
    return words in fleet.screen(name)


def _last(fleet: RealFleet, name: str, words: str) -> Request | None:
    """The model's last request if it ends in these words."""
    asked = _asked(fleet, name)
    return asked[-1] if asked and _ends_in(asked[-1], words) else None


def _ends_in(request: Request, words: str) -> bool:
    """Whether these words were said since the model's own last ones, the program's reminders included."""
    since = list(itertools.takewhile(lambda message: message["role"] != "assistant", reversed(request.messages)))
    return words in json.dumps(since)
