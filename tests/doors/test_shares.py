"""A session has a share of the daemon and no more: of its connections, of its time, and of who it is taken for."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request

from iapeer.api.caller import PROCESS, OtherEnd, Unknown, caller_of
from iapeer.daemon.fleet import Fleet
from iapeer.model.clock import SystemClock
from iapeer.sessions.process import start_mark
from iapeer.store import Store


@pytest.mark.parametrize("ended", [True, False])
def test_who_has_the_number_of_a_process_that_ended_is_nobody(tmp_path: Path, ended: bool) -> None:
    """A connection is its process's alone, by the start that it had when it connected."""
    mark = start_mark(os.getpid())
    assert mark is not None
    store = Store(tmp_path / "iapeer.db", SystemClock())
    process = OtherEnd(os.getpid(), os.getuid(), mark - ended)
    scope: dict[str, Any] = {"type": "http", "headers": [], PROCESS: process}
    fleet = cast(Fleet, SimpleNamespace(site=SimpleNamespace(store=store)))
    try:
        if not ended:
            assert caller_of(Request(scope), fleet).session is None
            return
        with pytest.raises(Unknown, match="cannot be looked at: it has ended"):
            caller_of(Request(scope), fleet)
    finally:
        store.close()
