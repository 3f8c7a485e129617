"""Waits: one value, with others for tests."""

from __future__ import annotations

import pytest

from iapeer.model.errors import Usage
from iapeer.model.timing import TIMING, Timing
from iapeer.testing.timing import VARIABLE, timing_of


def test_without_the_variable_the_waits_are_the_products() -> None:
    assert timing_of({}) == Timing() == TIMING


def test_words_change_single_waits_and_later_ones_count() -> None:
    timing = timing_of({"IAPEER_TEST_SANDBOX": "1", VARIABLE: "fast delivery.grace=1.5 worker.quiet=0.1"})
    assert (timing.delivery.grace, timing.worker.quiet) == (1.5, 0.1)
    assert timing.delivery.proof == TIMING.delivery.proof and timing.boot == TIMING.boot


@pytest.mark.parametrize("word", ["worker.slow=1", "nobody.quiet=1", "quiet=1"])
def test_a_wait_that_is_none_is_refused_by_its_name(word: str) -> None:
    with pytest.raises(Usage, match=f"there is no wait '{word[:-2]}'"):
        timing_of({"IAPEER_TEST_SANDBOX": "1", VARIABLE: word})


@pytest.mark.parametrize("seconds", ["nan", "-1", "inf", "soon", ""])
def test_a_wait_is_a_number_of_seconds(seconds: str) -> None:
    """Anything else is refused with its name."""
    with pytest.raises(Usage, match=r"for loop\.retry_first"):
        timing_of({"IAPEER_TEST_SANDBOX": "1", VARIABLE: f"loop.retry_first={seconds}"})


def test_only_a_sandbox_has_other_waits() -> None:
    """A daemon of a person's own root goes by the product's, whatever its environment says."""
    assert timing_of({VARIABLE: "fast"}) == TIMING
