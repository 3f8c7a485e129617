"""What is said in the end, whatever came before."""

from __future__ import annotations

import pytest

from iapeer.conformance.report import DIFFERS, FAILED, OK, SKIPPED, Result, verdict


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([OK], "Fake Agent 1.0.0: the only check holds."),
        ([OK, OK], "Fake Agent 1.0.0: all 2 checks hold."),
        ([DIFFERS, OK, SKIPPED], "Fake Agent 1.0.0: all 2 checks hold; 1 skipped."),
        ([OK, FAILED], "Fake Agent 1.0.0: 1 of 2 checks does not hold (check 1)."),
        ([FAILED, OK, FAILED, SKIPPED], "Fake Agent 1.0.0: 2 of 3 checks do not hold (check 0, check 2); 1 skipped."),
        ([FAILED], "Fake Agent 1.0.0: 1 of 1 check does not hold (check 0)."),
    ],
)
def test_one_line_says_whether_it_holds(results: list[str], said: str) -> None:
    """What was skipped is no check that was done, and what differs is no failure."""
    assert verdict("Fake Agent 1.0.0", [Result(f"check {at}", result, "") for at, result in enumerate(results)]) == said
