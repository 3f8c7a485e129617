"""`stop PEER -r RUNTIME`: that one is ended and kept down, and no other is touched."""

from __future__ import annotations

import pytest

from iapeer.model.errors import Refused
from tests.harness import Root
from tests.whole.daemon.tools import adapter_copy


@pytest.fixture
def both(root: Root) -> Root:
    """A peer that is live in two runtimes."""
    adapter_copy(root, "other")
    root.start()
    root.peer("alice")
    root.call("POST", "/peers/alice/runtimes", {"runtime": "other"})
    for runtime in ("fake", "other"):
        root.call("POST", "/peers/alice/start", {"runtime": runtime})
    return root


def _are(root: Root) -> dict[str, str]:
    return {one["runtime"]: one["status"] for one in root.call("GET", "/peers/alice")["peer"]["runtimes"]}


def test_the_other_lives_on(both: Root) -> None:
    """And takes messages; those to the stopped one are held, also by the next daemon, until that one is started."""
    done = both.cli("stop", "alice", "-r", "other", check=True)
    assert done.stdout == "alice (other) is stopped\n"
    assert _are(both) == {"fake": "live", "other": "stopped"}
    held = both.send("alice", "later", runtime="other")
    assert (held["outcome"], held["reason"]) == ("queued", "stopped")
    assert both.send("alice", "now", wait="done")["to"]["runtime"] == "fake"
    with pytest.raises(Refused, match="iapeer start alice"):
        both.call("POST", "/peers/alice/attach", {"runtime": "other"})
    both.kill()
    both.start()
    assert _are(both) == {"fake": "live", "other": "stopped"}
    assert both.message(held["id"])["row"]["reason"] == "stopped"
    both.call("POST", "/peers/alice/start", {"runtime": "fake"})
    assert _are(both)["other"] == "stopped"
    both.call("POST", "/peers/alice/start", {"runtime": "other"})
    both.until(held["id"], "done")


def test_all_of_it_after_one(both: Root) -> None:
    """A stop of the whole peer ends the rest; a start without a runtime lets every one of them live again."""
    both.call("POST", "/peers/alice/stop", {"runtime": "other"})
    both.call("POST", "/peers/alice/stop", {})
    assert _are(both) == {"fake": "stopped", "other": "stopped"}
    both.call("POST", "/peers/alice/start", {})
    assert _are(both) == {"fake": "live", "other": "asleep"}
    assert both.send("alice", "hello", runtime="other", wait="done")["state"] == "done"
