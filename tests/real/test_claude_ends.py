"""When a turn of Claude Code is over: with helpers still at work, with a hook that takes long, without a record."""

from __future__ import annotations

import json

import pytest

from fixtures.model_script import Answer, Request, Tool
from fixtures.npm_binary import Pinned
from tests.harness import wait_for
from tests.real.conftest import BOTH, Models, real_fleet

pytestmark = pytest.mark.real

HELPER = {"description": "counts", "prompt": "HELPER: count.", "subagent_type": "general-purpose"}


def _notified(request: Request) -> bool:
    """Whether the program tells the model that something in the background is done."""
    return request.kind == "turn" and "<task-notification>" in str(request.messages[-1])


def _delegates(request: Request) -> Answer | None:
    """A model that hands its question to a sub-agent, goes on meanwhile, and tells its answer when it comes."""
    if request.text.startswith("HELPER"):
        return Answer(text="There are seven.", slow=2)
    if _notified(request):
        return Answer(text="It counted: seven.")
    if request.kind == "tool-result":
        return Answer(text="I have handed it on.")
    return Answer(text="I hand it on.", tool=Tool("Agent", {**HELPER, "run_in_background": True}))


@BOTH
def test_a_question_is_answered_when_its_sub_agent_is_done(models: Models, claude: Pinned) -> None:
    """The turn that handed it on ends before; its last words are no answer, and the row is not done."""
    with real_fleet(models, claude=claude) as fleet:
        models.messages.script = _delegates
        fleet.start()
        fleet.claude("alice")
        asked = fleet.cli("ask", "alice", "How many?", check=True)
        assert asked.stdout.strip().splitlines()[-1] == "It counted: seven."
        (sent,) = fleet.events("accepted")[:1]
        done = next(event for event in fleet.message(sent["message"])["events"] if event["ev"] == "done")
        told = next(one.time for one in models.messages.requests if _notified(one))
        assert done["ts"] >= told * 1000
        models.messages.script = None
        assert fleet.send("alice", "and now?", wait="done")["state"] == "done"


@BOTH
def test_a_shell_in_the_background_keeps_no_message_open(models: Models, claude: Pinned) -> None:
    """The row is done with its turn; the turn at the shell's end is nobody's, and the next message arrives after it."""
    with real_fleet(models, claude=claude) as fleet:
        fleet.start()
        fleet.claude("alice", permissions="bypass")
        over = fleet.folder("alice") / "over"
        command = {"command": f"while ! [ -e {over} ]; do sleep 0.1; done", "run_in_background": True}
        sent = fleet.send("alice", f"@@TOOL Bash {json.dumps(command)}@@", wait="done")
        assert sent["state"] == "done"
        over.touch()
        wait_for(lambda: any(map(_notified, models.messages.requests)), "the shell's turn")
        assert fleet.send("alice", "and now?", wait="done")["state"] == "done"
        assert fleet.bodies()[-1] == "and now?"


@BOTH
def test_a_slow_stop_hook_takes_nothing_from_the_answer(models: Models, claude: Pinned) -> None:
    """Longer than the grace for a record of the end: the row is done with the agent's words."""
    with real_fleet(models, claude=claude) as fleet:
        fleet.hook("Stop", "#!/bin/sh\nsleep 7\n")
        fleet.start()
        fleet.claude("alice")
        asked = fleet.cli("ask", "alice", "@@SAY forty-two@@", check=True)
        assert asked.stdout.strip().splitlines()[-1] == "forty-two"


@BOTH
def test_a_record_that_cannot_be_written_costs_no_answer(models: Models, claude: Pinned) -> None:
    """As on a full disk: the hook at the end has told the words; what comes after it is written down again."""
    with real_fleet(models, claude=claude) as fleet:
        fleet.start()
        fleet.claude("alice")
        asked = fleet.send("alice", "@@FIRST 2@@ @@SAY forty-two@@", asks=True, wait="delivered")
        (record,) = (fleet.home / ".claude" / "projects").rglob("*.jsonl")
        record.rename(fleet.base / "record")
        record.mkdir()
        fleet.until(asked["id"], "done")
        assert fleet.message(asked["id"])["reply"]["body"] == "forty-two"
        record.rmdir()
        (fleet.base / "record").rename(record)
        assert not [word for word in ("end_turn", "turn_duration") if word in record.read_text()]
        assert fleet.send("alice", "and now?", wait="done")["state"] == "done"
