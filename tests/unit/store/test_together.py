"""Several steps in one transaction."""

from __future__ import annotations

import pytest

from iapeer.store import Event, Store
from tests.unit.store.samples import message


def test_all_of_it_or_nothing(store: Store, told: list[Event]) -> None:
    with pytest.raises(ZeroDivisionError), store.together():
        store.messages.accept(message("one"))
        store.messages.accept(message("two"))
        _ = 1 / 0
    assert store.inbox.counts() == {}
    assert told == []


def test_told_in_order_and_only_after_all_of_it(store: Store, told: list[Event]) -> None:
    with store.together():
        first, second = store.messages.accept(message("one")), store.messages.accept(message("two"))
        assert told == []
    assert [event.message for event in told] == [first.message, second.message]
