"""Every code for a wake, an end, a wait, a hold or a flag has a sentence, and no sentence is for nothing."""

from __future__ import annotations

import itertools
from typing import get_args

from iapeer.actors.lifecycle import wake
from iapeer.model.causes import ArmReason, EndCause, WaitReason, WakeCause
from iapeer.model.holds import HoldCause
from iapeer.store import flags
from iapeer.wording import causes


def _causes() -> set[str]:
    """Every cause that the wake table can give."""
    either = (False, True)
    calls = itertools.product(get_args(wake.By), (None, "a", "b"), either, either)
    pasts = itertools.product((None, "parked", "exit"), (("a",),), either, either)
    manners = itertools.product(either, repeat=4)
    return {
        wake.wake(wake.WakeRequest(*call), wake.Past(*past), wake.Manner(*manner)).cause
        for call, past, manner in itertools.product(calls, list(pasts), list(manners))
    }


def test_every_cause_of_a_wake_has_a_sentence() -> None:
    """Each of them is given by the wake table."""
    assert _causes() == set(causes.WAKES) == set(WakeCause)


def test_every_code_has_a_sentence() -> None:
    """A message that is being typed is told of by that word alone."""
    assert set(causes.ENDS) == set(EndCause)
    assert set(causes.WAITS) == set(WaitReason) - {WaitReason.TYPING}
    assert set(causes.ARMS) == set(ArmReason)
    assert set(causes.MARKS) == {flags.ARMED, flags.PARKING, flags.REFRESH, flags.FRESH, flags.STOPPED}
    assert set(causes.HELD) == set(HoldCause)


def test_a_code_of_a_later_version_is_shown_as_it_is() -> None:
    """Whatever it is for."""
    assert causes.woken("fresh", "brand-new") == "a fresh session: brand-new (brand-new)"
    assert causes.waits("queued", "brand-new", "alice") == causes.waits("held", "brand-new", "alice") == "brand-new"
