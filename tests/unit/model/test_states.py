"""The states of a row: every one can be reached, and the final ones are final."""

from __future__ import annotations

import pytest

from iapeer.model.states import FINAL, IN_FLIGHT, OPEN, STEPS, UNPROVEN, WAITING, State, allowed


def _reachable(start: State) -> set[State]:
    seen: set[State] = set()
    todo = [start]
    while todo:
        state = todo.pop()
        if state not in seen:
            seen.add(state)
            todo.extend(STEPS[state])
    return seen


def test_every_state_is_reachable_from_queued() -> None:
    """No state is only written down."""
    assert _reachable(State.QUEUED) == set(State)


@pytest.mark.parametrize("state", sorted(State))
def test_final_means_no_way_out_and_every_other_state_ends(state: State) -> None:
    """A final state has no step; from any other a final one is in reach: nothing accepted hangs for ever."""
    assert (not STEPS[state]) == (state in FINAL)
    assert _reachable(state) & FINAL


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_a_removed_peer_kills_every_row(state: State) -> None:
    """Whatever is not final may become dead."""
    assert allowed(state, State.DEAD)


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (State.NEEDS_INPUT, {State.RUNNING, State.QUEUED, State.FAILED, State.CANCELLED, State.DEAD}),
        (State.NEEDS_VERIFICATION, {State.DONE, State.QUEUED, State.FAILED, State.CANCELLED, State.DEAD}),
    ],
)
def test_what_waits_for_others_has_every_way_on(state: State, after: set[State]) -> None:
    """An answer, another attempt, a failure, a no. A question is not done by the end of the turn it stood in."""
    assert STEPS[state] == after


@pytest.mark.parametrize("state", sorted(State))
def test_only_a_lease_leads_to_typing(state: State) -> None:
    """Nothing gets into flight past the lease; done is what has run, or a held answer that the waiting call took."""
    assert allowed(state, State.LEASED) == (state is State.QUEUED)
    if allowed(state, State.DONE):
        assert state in {State.RUNNING, State.NEEDS_VERIFICATION, State.HELD}
    if allowed(state, State.STRANDED):
        assert state in UNPROVEN


def test_the_groups_do_not_overlap() -> None:
    """A row is final, waiting, in flight, open or under verification: one of them."""
    groups = [FINAL, WAITING, UNPROVEN, OPEN, frozenset({State.NEEDS_VERIFICATION})]
    assert sum(map(len, groups)) == len(State)
    assert frozenset().union(*groups) == set(State)
    assert IN_FLIGHT == UNPROVEN | OPEN
