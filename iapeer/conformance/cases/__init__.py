"""The cases. Each checks one thing, says in a few words what it saw, and leaves the peer idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from iapeer.conformance.cases import bodies, homes, model, sessions, turns
from iapeer.conformance.cases.shapes import SHAPES
from iapeer.conformance.subject import Subject

Case = Callable[[Subject], str]
FIRST = "boots"  # without it there is nothing to check


def cases(subject: Subject) -> Iterator[tuple[str, Case]]:
    """List all cases by name, in their order."""
    yield FIRST, sessions.boots
    for name, body in {**SHAPES, **subject.check.bodies}.items():
        yield f"body: {name}", partial(bodies.arrives, body)
    yield "body: direction marks", bodies.direction_marks
    yield "body: a picture", bodies.picture
    yield "who speaks", bodies.who_speaks
    yield from _MODEL_AND_TURNS.items()
    yield from _SESSIONS.items()
    for name, case in homes.cases(subject.check):
        yield name, case
    yield "signals", sessions.signals
    yield "ends", sessions.ends


_MODEL_AND_TURNS: dict[str, Case] = {
    "proof": model.proof,
    "doctrine": model.doctrine,
    "mcp": model.mcp,
    "doors": model.doors,
    "turn: ends": turns.ends_done,
    "turn: sub-agent": turns.subagent,
    "turn: interrupted": turns.interrupted,
    "turn: interrupted at once": turns.interrupted_at_once,
    "turn: a long text taken back": turns.taken_back,
    "turn: fails": turns.fails,
    "turn: fails with a hint": turns.fails_with_a_hint,
    "busy": turns.busy,
    "blocked": turns.blocked,
}
_SESSIONS: dict[str, Case] = {
    "clear": sessions.clear,
    "resume": sessions.resume,
    "daemon killed": sessions.daemon_killed,
}
