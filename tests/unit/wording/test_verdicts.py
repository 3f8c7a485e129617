"""What a sender is told goes by the codes that there are."""

from __future__ import annotations

from iapeer.model.causes import BlockedReason, WaitReason
from iapeer.model.states import FINAL, State
from iapeer.wording import causes, verdicts


def test_what_ended_badly_is_what_is_final_and_not_done() -> None:
    """It is a list of its own, for `send` has no time for enums."""
    assert set(verdicts.ENDED_BADLY) == FINAL - {State.DONE}


def test_ways_out_are_of_codes_that_there_are() -> None:
    """Of what holds a message, or what it waits for."""
    assert set(verdicts.WAYS_OUT) <= {*causes.HELD, *WaitReason, *BlockedReason}
