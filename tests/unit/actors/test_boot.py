"""A start: dialogs answered one key a look, an unknown one never, and when it is ready or given up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.actors.lifecycle.boot import (
    MAX_KEYS,
    Boot,
    BootAct,
    GiveUp,
    Press,
    Ready,
    Stuck,
    Wait,
    boot,
)
from iapeer.model.timing import TIMING
from iapeer.runtimes.livestate import Live
from iapeer.runtimes.screen import start_dialog
from iapeer.sessions.observation import Observation, activity
from tests.unit.actors.observations import FAKE, NOW_MS, observation, observations, view

WAITS = TIMING.boot
T0 = 1000.0
FOOTER = "\n Enter to confirm · Esc to cancel\n"
TRUST = " Is this a folder you trust?\n\n ❯ 1. Yes, I trust this folder\n   2. No, exit\n" + FOOTER
DANGER = " Fake Agent running in Bypass Permissions mode\n\n {} 1. No, exit\n {} 2. Yes, I accept\n" + FOOTER
UNKNOWN = " Your settings are from another version.\n\n ❯ 1. Erase them\n   2. Keep them\n\n Enter to select\n"


def _shows(text: str) -> Observation:
    return observation(screen=view(None, text), live=None, recorded=False)


def _boot(
    seen: Observation, memory: Boot | None = None, after: float = WAITS.settled, permissions: str = "default"
) -> BootAct:
    memory = memory or Boot(T0, seen.screen.text, T0, T0 if seen.screen.composer is not None else None)
    return boot(FAKE, permissions, seen, memory, T0 + after, NOW_MS, WAITS, live=True)


def test_a_known_dialog_gets_one_key_a_look() -> None:
    """Trust is answered once it stood for a moment; the same screen gets no second key, a changed one does."""
    assert _boot(_shows(TRUST), after=0.0) == Wait(T0 + WAITS.settled)
    assert _boot(_shows(TRUST)) == Press("Enter", "trust")
    pressed = Boot(T0, TRUST, T0, pressed=TRUST, keys=1)
    assert isinstance(_boot(_shows(TRUST), pressed), Wait)
    assert _boot(_shows("redrawn\n" + TRUST), pressed) == Press("Enter", "trust")
    assert _boot(_shows(TRUST), Boot(T0, TRUST, T0, keys=MAX_KEYS)) == Stuck("question")


def test_a_dangerous_dialog_is_answered_only_when_asked_for() -> None:
    """The pointer is moved off the default first, and only with bypass in the profile; never Enter on "No"."""
    no, yes = DANGER.format("❯", " "), DANGER.format(" ", "❯")
    assert _boot(_shows(no)) == Stuck("question")
    assert _boot(_shows(yes)) == Stuck("question")
    assert _boot(_shows(no), permissions="bypass") == Press("Down", "bypass-warning")
    assert _boot(_shows(yes), permissions="bypass") == Press("Enter", "bypass-warning")
    assert _boot(_shows(DANGER.format(" ", " ")), permissions="bypass") == Stuck("question")


def test_an_unknown_dialog_is_never_answered() -> None:
    """It waits until the screen stood still, and then for a person; an empty screen waits for the deadline."""
    assert isinstance(_boot(_shows(UNKNOWN)), Wait)
    assert _boot(_shows(UNKNOWN), Boot(T0, UNKNOWN, T0), WAITS.still) == Stuck("unknown-dialog")
    assert isinstance(_boot(_shows("\n\n"), Boot(T0, "\n\n", T0), 100), Wait)


def test_a_start_has_a_deadline() -> None:
    """Then it is given up, unless a person looks on."""
    assert _boot(_shows(""), Boot(T0, "", T0), WAITS.deadline) == GiveUp("not ready after 240 s")
    watched = observation(screen=view(None, ""), live=None, people=1)
    assert isinstance(_boot(watched, Boot(T0, "", T0 + 239), WAITS.deadline), Wait)


def test_ready_is_a_composer_and_the_live_state() -> None:
    """Without its file for 5 s, or without a status in it for 20 s, it is ready all the same, and degraded."""
    assert _boot(observation()) == Ready()
    assert _boot(observation(live=None), after=4.9) == Wait(T0 + 5)
    late = _boot(observation(live=None), after=5.0)
    assert isinstance(late, Ready)
    assert late.degraded
    assert _boot(observation(live=Live("loading")), after=19.9) == Wait(T0 + 20)
    assert isinstance(_boot(observation(live=Live("loading")), after=20), Ready)
    plain = boot(FAKE, "default", observation(live=None), Boot(T0), T0, NOW_MS, WAITS, live=False)
    assert plain == Ready()


def test_what_opens_by_itself_is_waited_for() -> None:
    """An agent at rest is ready once it has rested for as long as offers may take to open; a dialog starts it anew."""
    slow = FAKE.model_copy(update={"launch": FAKE.launch.model_copy(update={"settle_ms": 300})})
    memory = Boot(T0, changed=T0).seen(observation(live=Live("loading")), T0 + 1).seen(observation(), T0 + 2)
    assert memory.rest == T0 + 2
    assert boot(slow, "default", observation(), memory, T0 + 2.2, NOW_MS, WAITS, live=True) == Wait(T0 + 2.3)
    assert boot(slow, "default", observation(), memory, T0 + 2.3, NOW_MS, WAITS, live=True) == Ready()
    assert memory.seen(_shows(TRUST), T0 + 2.1).seen(observation(), T0 + 5).rest == T0 + 5
    silent = Boot(T0, changed=T0).seen(observation(live=None), T0 + 1)
    assert boot(slow, "default", observation(live=None), silent, T0 + 1.2, NOW_MS, WAITS, live=False) == Wait(T0 + 1.3)
    assert boot(slow, "default", observation(live=None), silent, T0 + 1.3, NOW_MS, WAITS, live=False) == Ready()


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (observation(screen=view(blocked="login")), "login"),
        (observation(screen=view(dialog=True), live=None), "unknown-dialog"),
        (observation(live=Live("waiting", "permission")), "permission"),
    ],
)
def test_a_blocked_composer_waits_for_a_person(seen: Observation, reason: str) -> None:
    """A composer is there, and the agent would not take input."""
    assert _boot(seen) == Stuck(reason)


def test_a_dialog_that_is_not_drawn_yet_is_waited_for() -> None:
    """The live state speaks of it first, under a composer: it is answered once it shows, and told if it never does."""
    asks = Live("waiting", "question")
    memory = Boot(T0, changed=T0).seen(observation(), T0 + 1).seen(observation(live=asks), T0 + 2)
    assert memory.waiting == T0 + 2
    assert _boot(observation(live=asks), memory, 2.0) == Wait(T0 + 2 + WAITS.settled)
    assert _boot(observation(live=asks), memory, 2.0 + WAITS.settled) == Stuck("question")
    drawn = replace(_shows(TRUST), live=asks)
    assert _boot(drawn, memory.seen(drawn, T0 + 2.1), 2.1 + WAITS.settled) == Press("Enter", "trust")
    assert memory.seen(observation(), T0 + 3).waiting is None


def test_another_program_in_the_pane_is_not_ready() -> None:
    """A shell that shows something like a composer, or a dialog: it gets no key, and the true reason is told."""
    for seen in (observation(foreground=False), replace(_shows(TRUST), foreground=False)):
        assert isinstance(_boot(seen), Wait)
        assert _boot(seen, after=WAITS.still) == Stuck("not-the-agent")
        assert activity(seen, NOW_MS) == ("blocked", "not-the-agent")


def test_what_a_look_adds() -> None:
    """When the screen last changed, and since when the composer shows without a break."""
    memory = Boot(T0, changed=T0).seen(_shows("a"), T0 + 1)
    assert (memory.text, memory.changed, memory.composer) == ("a", T0 + 1, None)
    memory = memory.seen(_shows("a"), T0 + 2).seen(observation(screen=view("", "b")), T0 + 3)
    assert (memory.changed, memory.composer) == (T0 + 3, T0 + 3)
    memory = memory.seen(observation(screen=view("", "c")), T0 + 4)
    assert (memory.changed, memory.composer) == (T0 + 4, T0 + 3)
    assert memory.seen(_shows("c"), T0 + 5).composer is None


@given(
    observations,
    st.sampled_from([TRUST, UNKNOWN, DANGER.format("❯", " "), "x", ""]),
    st.sampled_from(["default", "bypass"]),
    st.floats(0, 300),
    st.integers(0, MAX_KEYS),
)
def test_what_may_never_happen(seen: Observation, text: str, permissions: str, after: float, keys: int) -> None:
    """A key is pressed only on a known dialog without a composer; ready is only an agent with a composer."""
    seen = observation(
        screen=view(seen.screen.composer, text), live=seen.live, foreground=seen.foreground, turn=seen.turn
    )
    act = _boot(seen, Boot(T0, text, T0, T0, keys=keys), after, permissions)
    if isinstance(act, Press):
        assert seen.foreground
        dialog = start_dialog(FAKE, text)
        assert seen.screen.composer is None
        assert dialog is not None
        assert dialog.only_with in (None, permissions)
        assert (act.key, act.dialog) in {("Enter", "trust"), ("Down", "bypass-warning")}
    if isinstance(act, Ready):
        assert seen.screen.composer is not None
        assert seen.foreground
    if isinstance(act, GiveUp):
        assert after >= WAITS.deadline
