"""The pinned Claude Code in an isolated home, against a scripted model server on loopback."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.claude_home import seed
from fixtures.fake_messages import FakeMessages
from fixtures.get_claude import CannotFetch, get_claude
from iapeer.model.envelope import Envelope, decode
from tests.harness import REPO, Root


class RealFleet(Root):
    """A root whose peers are real Claude Codes. `api` is the model they talk to."""

    def __init__(self, base: Path, api: FakeMessages, binary: Path, *, trusted: bool = True) -> None:
        super().__init__(base)
        self.api = api
        self.folder = (base / "alice").resolve()
        self.folder.mkdir()
        seeded = seed(base / "home", self.folder, url=api.url, binary=binary, trusted=trusted)
        kept = {name: self.env[name] for name in ("IAPEER_ROOT", "IAPEER_TEST_SANDBOX", "IAPEER_PORT")}
        self.env = {**seeded, **kept, "IAPEER_CLAUDE_BIN": str(binary), "CLAUDE_CODE_MAX_RETRIES": "1"}

    def alice(self, **wishes: str) -> None:
        """The one peer."""
        self.call("POST", "/peers", {"dir": str(self.folder), "runtime": "claude", **wishes})

    def heard(self) -> list[Envelope]:
        """The messages that the model was really sent, in order, each once."""
        found = [decode(text) for text in self.api.turns()]
        return [envelope for envelope in found if envelope is not None]

    def screen(self) -> str:
        """What alice's pane shows."""
        return str(self.call("GET", "/peers/alice/screen")["text"])

    def write_adapter(self, old: str, new: str) -> None:
        """A changed copy of Claude's adapter, as the user's own."""
        text = (REPO / "adapters" / "claude.toml").read_text()
        assert old in text
        path = self.base / "root" / "config" / "adapters" / "claude.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="session")
def binary() -> Path:
    """The pinned program. Its absence is a failure where the real agent is required, as in CI."""
    try:
        return get_claude()
    except CannotFetch as error:
        if os.environ.get("IAPEER_REAL") == "optional":
            pytest.skip(str(error))
        pytest.fail(str(error))


@pytest.fixture
def api() -> Iterator[FakeMessages]:
    """The model server."""
    with FakeMessages() as server:
        yield server


@contextlib.contextmanager
def real_fleet(api: FakeMessages, binary: Path, *, trusted: bool = True) -> Iterator[RealFleet]:
    """A fleet that is gone afterwards, with all its processes."""
    made = RealFleet(Path(tempfile.mkdtemp(prefix="iap-", dir="/tmp")), api, binary, trusted=trusted)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def fleet(api: FakeMessages, binary: Path) -> Iterator[RealFleet]:
    """A fleet with a fully seeded home, its daemon, and alice in it."""
    with real_fleet(api, binary) as made:
        made.start()
        made.alice()
        yield made
