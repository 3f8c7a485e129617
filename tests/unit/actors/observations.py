"""Looks at a session, made up for the decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from iapeer.runtimes.livestate import Live
from iapeer.runtimes.load import read_adapter
from iapeer.runtimes.records import Turn
from iapeer.runtimes.screen import View
from iapeer.sessions.observation import Observation
from tests.harness import REPO

FAKE = read_adapter(REPO / "fixtures" / "fake.toml")
NOW_MS = 1_700_000_000_000
MARK = "m1:1"
KEY = ("m1", 1)
ARRIVED = frozenset({KEY})
IDLE, BUSY, WAITING = Live("idle"), Live("busy"), Live("waiting", "permission")
OPEN = Turn(open=True)


def view(composer: str | None = "", text: str = "screen", **changes: Any) -> View:
    """A screen with an empty composer."""
    return replace(View(text=text, composer=composer, busy=False, dialog=False, blocked=None), **changes)


def observation(**changes: Any) -> Observation:
    """A live, idle agent with an empty composer and a transcript; nothing typed yet."""
    plain = Observation(
        gone=False, foreground=True, in_mode=False, pasted="", submitted="", people=0, screen=view(), live=IDLE,
        turn=Turn(), recorded=True,
    )  # fmt: skip
    return replace(plain, **changes)


lives = st.none() | st.builds(
    Live,
    st.sampled_from(["idle", "busy", "background", "waiting", "loading"]),
    st.sampled_from([None, "permission"]),
)
turns = st.builds(
    Turn,
    open=st.booleans(),
    outcome=st.sampled_from([None, "done", "interrupted", "error"]),
    reason=st.sampled_from([None, "quota"]),
    reset=st.sampled_from([None, NOW_MS // 1000 - 5, NOW_MS // 1000 + 5]),
    arrived=st.sampled_from([frozenset(), ARRIVED, frozenset({("m1", 2)}), frozenset({("m2", 1)})]),
)
views = st.builds(
    View,
    text=st.sampled_from(["screen", ""]),
    composer=st.sampled_from([None, "", "text"]),
    busy=st.booleans(),
    dialog=st.booleans(),
    blocked=st.sampled_from([None, "permission", "login", "quota"]),
)
observations = st.builds(
    Observation,
    gone=st.just(False),
    foreground=st.booleans(),
    in_mode=st.booleans(),
    pasted=st.sampled_from(["", MARK, "m0:1", "m1:2"]),
    submitted=st.just(""),
    people=st.integers(0, 2),
    screen=views,
    live=lives,
    turn=turns,
    recorded=st.booleans(),
    ours=st.booleans(),
)
