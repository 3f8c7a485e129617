"""What the agent's model is given beside the messages, and what it is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psutil

from iapeer.conformance.cases.sessions import TOLD
from iapeer.conformance.outcome import Missing, expect
from iapeer.conformance.subject import Subject
from iapeer.sessions.launchplan import fill, home_of

TOOL = "send_to_peer"


def proof(subject: Subject) -> str:
    """The agent's own record of this conversation holds the message's id."""
    ident = subject.send_proven("where is the proof?")
    conversation = subject.session()["conversation"]
    expect(conversation, "it is not known which conversation it is in")
    expect(subject.own.holds(conversation, ident), "the record that was followed does not hold the message")
    subject.done(ident)
    steps = subject.steps(ident)
    return f"{steps['delivered'] - steps['typed']} ms after it was typed"


def doctrine(subject: Subject) -> str:
    """What a session is told is among the model's instructions."""
    if subject.adapter.doctrine is None:
        raise Missing("the adapter has no [doctrine]")
    expect(TOLD in _request(subject)["system"], "the model was not told IAPEER.md")
    return "received"


def mcp(subject: Subject) -> str:
    """Our tool is among those that the model may call."""
    if subject.adapter.mcp is None:
        raise Missing("the adapter has no [mcp]")
    tools = _request(subject)["tools"]
    expect(any(TOOL in tool for tool in tools), f"the model's tools are {', '.join(tools)}")
    return f"the model may call {TOOL}"


def doors(subject: Subject) -> str:
    """The program's own ways between sessions are closed: no such tool is offered, no such file comes to be."""
    wanted = subject.check.doors
    if wanted is None:
        raise Missing("the adapter has no [check.doors]")
    request = json.dumps(_request(subject)) if wanted.tools else ""  # some tools are named to it, to be asked for
    offered = [tool for tool in wanted.tools if re.search(rf"\b{re.escape(tool)}\b", request)]
    expect(not offered, f"the model is told of {', '.join(offered)}")
    there = [path for path in _files(subject, wanted.files) if Path(path).exists()]
    expect(not there, f"there is {', '.join(there)}")
    return f"closed: {', '.join([*wanted.tools, *wanted.files])}"


def _files(subject: Subject, patterns: list[str]) -> list[str]:
    """Fill in the patterns for every process of the session."""
    process = psutil.Process(subject.entry()["pid"])
    pids = [process.pid, *(child.pid for child in process.children(recursive=True))]
    home = home_of(subject.adapter, subject.env)
    return [fill(pattern, {"pid": str(pid), "home": home}) for pattern in patterns for pid in pids]


def _request(subject: Subject) -> dict[str, Any]:
    if subject.server is None:
        raise Missing("there is no model server to see it with")
    return subject.server.request(subject.deliver("what are you told?"))
