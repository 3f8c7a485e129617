"""The pinned Claude Code and Codex in an isolated home, against scripted model servers on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from fixtures import claude_home, codex_home
from fixtures.fake_messages import FakeMessages
from fixtures.fake_responses import FakeResponses
from fixtures.get_claude import CLAUDE, OLDER
from fixtures.get_codex import CODEX
from fixtures.npm_binary import CannotFetch, Pinned
from iapeer.model.envelope import Envelope, decode
from tests.harness import REPO, Root

Login = Literal["key", "subscription", "none"]
BOTH = pytest.mark.parametrize("claude", [CLAUDE, OLDER], ids=["newest", "older"])


@dataclass(frozen=True)
class Models:
    """The model servers: Claude's and Codex's."""

    messages: FakeMessages
    responses: FakeResponses


class RealFleet(Root):
    """A root whose peers are real Claude Codes and Codexes. `models` is what they talk to.

    Every Claude's folder is trusted in advance, but for a fleet that is not `trusted`. `claude` and `codex` are the
    versions, and `login` is how their person is known to the first one's vendor.
    """

    def __init__(
        self, base: Path, models: Models, *, trusted: bool = True, claude: Pinned = CLAUDE, codex: Pinned = CODEX,
        login: Login = "key",
    ) -> None:  # fmt: skip
        super().__init__(base)
        self.models = models
        self.home = base / "home"
        self._trusted = trusted
        of_claude, of_codex = claude.get(), codex.get()
        both = [
            codex_home.seed(self.home, url=models.responses.url, binary=of_codex),
            claude_home.seed(self.home, base, url=models.messages.url, binary=of_claude, trusted=trusted),
        ]
        if login != "key":
            del both[1]["ANTHROPIC_API_KEY"]
        if login == "subscription":
            claude_home.log_in(self.home)
        kept = {name: self.env[name] for name in ("IAPEER_ROOT", "IAPEER_TEST_SANDBOX", "IAPEER_PORT")}
        binaries = {"IAPEER_CLAUDE_BIN": str(of_claude), "IAPEER_CODEX_BIN": str(of_codex)}
        self.env = {**both[0], **both[1], **kept, **binaries, "CLAUDE_CODE_MAX_RETRIES": "1"}

    def claude(self, name: str, **wishes: str) -> None:
        """A peer that is a Claude Code."""
        self.folder(name).mkdir()
        if self._trusted:
            claude_home.trust(self.home, self.folder(name))
        self.call("POST", "/peers", {"dir": str(self.folder(name)), "runtime": "claude", **wishes})
        self.trust(name)

    def codex(self, name: str, **wishes: str) -> None:
        """A peer that is a Codex."""
        self.folder(name).mkdir()
        self.call("POST", "/peers", {"dir": str(self.folder(name)), "runtime": "codex", **wishes})
        self.trust(name)

    def trust(self, name: str) -> None:
        """Confirm what a peer's files and the user's adapters say."""
        self.call("POST", f"/peers/{name}/trust", {})

    def folder(self, name: str) -> Path:
        """Where a peer lives."""
        return (self.base / name).resolve()

    def heard(self) -> list[Envelope]:
        """The messages that the models were really sent, each once: Claude's in order, then Codex's in order."""
        found = [decode(text) for api in (self.models.messages, self.models.responses) for text in api.turns()]
        return [envelope for envelope in found if envelope is not None]

    def bodies(self) -> list[str]:
        """Their bodies."""
        return [envelope.body for envelope in self.heard()]

    def screen(self, name: str) -> str:
        """What a peer's pane shows."""
        return str(self.call("GET", f"/peers/{name}/screen")["text"])

    def hook(self, event: str, script: str) -> None:
        """Give the person of the home a hook of their own in Claude Code, and no other setting."""
        program = self.base / "hook"
        program.write_text(script)
        program.chmod(0o755)
        hooks = {event: [{"hooks": [{"type": "command", "command": str(program)}]}]}
        (self.home / ".claude" / "settings.json").write_text(json.dumps({"hooks": hooks}))

    def write_adapter(self, runtime: str, old: str, new: str) -> None:
        """A changed copy of a bundled adapter, as the user's own."""
        text = (REPO / "adapters" / f"{runtime}.toml").read_text()
        assert old in text
        path = self.base / "root" / "config" / "adapters" / f"{runtime}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="session")
def binaries() -> None:
    """The newest pinned programs. Their absence is a failure where the real agents are required, as in CI."""
    try:
        CLAUDE.get()
        CODEX.get()
    except CannotFetch as error:
        if os.environ.get("IAPEER_REAL") == "optional":
            pytest.skip(str(error))
        pytest.fail(str(error))


@pytest.fixture
def models(binaries: None) -> Iterator[Models]:
    """The model servers."""
    with FakeMessages() as messages, FakeResponses() as responses:
        yield Models(messages, responses)


@contextlib.contextmanager
def real_fleet(
    models: Models, *, trusted: bool = True, claude: Pinned = CLAUDE, codex: Pinned = CODEX, login: Login = "key"
) -> Iterator[RealFleet]:
    """A fleet that is gone afterwards, with all its processes."""
    base = Path(tempfile.mkdtemp(prefix="iap-", dir="/tmp"))
    made = RealFleet(base, models, trusted=trusted, claude=claude, codex=codex, login=login)
    try:
        yield made
    finally:
        made.close()
