"""The main job on the real OpenCode: what the model was sent, what its database holds, what the person is told."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import opencode_home
from fixtures.fake_completions import FakeCompletions
from fixtures.get_opencode import OPENCODE
from iapeer.model.envelope import decode
from tests.harness import Root

pytestmark = pytest.mark.real


class OpenCodeFleet(Root):
    """A root with one peer, dora, that is an OpenCode. `model` is what it talks to."""

    def __init__(self, base: Path, model: FakeCompletions) -> None:
        super().__init__(base)
        self.model = model
        self.home = base / "home"
        binary = OPENCODE.get()
        kept = {name: self.env[name] for name in ("IAPEER_ROOT", "IAPEER_TEST_SANDBOX", "IAPEER_PORT")}
        seeded = opencode_home.seed(self.home, url=model.url, binary=binary)
        self.env = {**seeded, **kept, "IAPEER_OPENCODE_BIN": str(binary)}

    def create(self) -> None:
        """Make the peer."""
        (self.base / "dora").mkdir()
        self.call("POST", "/peers", {"dir": str(self.base / "dora"), "runtime": "opencode"})
        self.call("POST", "/peers/dora/trust", {})

    def bodies(self) -> list[str]:
        """The messages that the model was really sent."""
        return [message.body for text in self.model.turns() if (message := decode(text)) is not None]

    def session(self) -> dict[str, str]:
        """Dora's last session."""
        return dict(self.call("GET", "/peers/dora")["last_session"])


@pytest.fixture
def fleet() -> Iterator[OpenCodeFleet]:
    """A fleet with its daemon and its peer."""
    if not OPENCODE.is_served():
        pytest.skip("npm has no OpenCode for this platform")
    with FakeCompletions() as model:
        made = OpenCodeFleet(Path(tempfile.mkdtemp(prefix="iap-", dir="/tmp")), model)
        try:
            made.start()
            made.create()
            yield made
        finally:
            made.close()


def test_a_message_is_proven_its_end_told_and_its_conversation_resumed(fleet: OpenCodeFleet) -> None:
    """By the rows of the database: the first message tells which conversation it is, a later start goes on in it."""
    first = fleet.send("dora", "the word is heron\nin two lines", wait="reply")
    assert (first["outcome"], first["reply"]["body"]) == ("delivered", "ECHO: in two lines")
    steps = [event["ev"] for event in fleet.message(first["id"])["events"]]
    assert [step for step in steps if step in ("typed", "delivered", "done")] == ["typed", "delivered", "done"]
    before = fleet.session()
    assert before["conversation"].startswith("ses_")
    fleet.cli("stop", "dora", check=True)
    fleet.cli("start", "dora", check=True)
    assert fleet.send("dora", "which word?", wait="done")["state"] == "done"
    after = fleet.session()
    assert (after["mode"], after["conversation"]) == ("resume", before["conversation"])
    assert fleet.bodies() == ["the word is heron\nin two lines", "which word?"]
    assert "heron" in " ".join(text for _, text in fleet.model.requests[-1].history)
    assert not fleet.events("degraded", "actor_error", "launch_failed")


def test_another_conversation_is_followed_an_error_told_and_it_is_compacted(fleet: OpenCodeFleet) -> None:
    """It is begun unseen: the next message tells which it is."""
    fleet.send("dora", "one", wait="done")
    first = fleet.session()["conversation"]
    fleet.call("POST", "/peers/dora/answer", {"text": "/new"})
    fleet.call("POST", "/peers/dora/answer", {"key": "Enter"})
    assert fleet.send("dora", "@@SLOW 2@@", wait="done")["state"] == "done"
    assert fleet.session()["conversation"] != first
    assert fleet.send("dora", "@@ERR 400@@", wait="done")["state"] == "failed"
    assert fleet.call("POST", "/peers/dora/compact", {})["activity"] == "idle"
    assert fleet.send("dora", "and now?", wait="done")["state"] == "done"
    assert "A fake summary." in " ".join(text for _, text in fleet.model.requests[-1].history)
