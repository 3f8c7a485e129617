"""What is typed for whom: a person's words bare, a peer's marked as brought, paths of pictures and emoji as text."""

from __future__ import annotations

import re
import subprocess
import zlib
from pathlib import Path

import psutil
import pytest

from fixtures.get_codex import CODEX
from fixtures.get_codex import OLDER as CODEX_OLDER
from fixtures.npm_binary import Pinned
from iapeer.model.envelope import Envelope, decode
from tests.harness import wait_for
from tests.real.conftest import BOTH, Models, RealFleet, real_fleet
from tests.whole.daemon.tools import ask_as

pytestmark = pytest.mark.real

MARK = re.compile(r"\n\n<pasted_content id=\"\w+\">\n(.*?)\n?</pasted_content id=\"\w+\">\n\n?", re.S)
EMOJI = {
    "skin tone": "ok \U0001f44d\U0001f3fd",
    "skin tone within": "go \U0001f44d\U0001f3fd on",
    "family of four": "the \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 is here",
    "hands": "deal \U0001faf1\U0001f3fb\u200d\U0001faf2\U0001f3ff x",
    "new": "odd \U0001fae8 and \U0001fadf face",
    "alone": "\U0001fae8",
    "flag": "to \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f and \U0001f1e9\U0001f1ea",
}


def _picture(folder: Path, name: str) -> Path:
    """The smallest picture there is, of one grey point."""
    path = folder / name
    chunks = [(b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0"), (b"IDAT", zlib.compress(b"\0\x80")), (b"IEND", b"")]
    parts = [len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def _token(fleet: RealFleet, name: str) -> str:
    """The token of a peer's session, as its process has it."""
    return psutil.Process(fleet.runtime(name)["pid"]).environ()["IAPEER_TOKEN"]


def _pair(fleet: RealFleet) -> str:
    """Alice awake, and bob, whose token is returned."""
    fleet.start()
    for name in ("alice", "bob"):
        fleet.claude(name)
        fleet.call("POST", f"/peers/{name}/start", {})
    return _token(fleet, "bob")


def _from_bob(fleet: RealFleet, token: str, body: str, **more: object) -> str:
    """Bob sends to alice; the text that her model was given for it."""
    sent = ask_as(fleet, token, "/send", {"to": "alice", "body": body, **more})
    assert fleet.until(sent["id"], "done")["row"]["attempt"] == 1
    return fleet.models.messages.turns()[-1]


def _unmarked(text: str) -> Envelope | None:
    """The message in a text, without the marks that stand within it."""
    return decode(MARK.sub(r"\n\1\n", text))


@BOTH
def test_the_operator_speaks_bare_and_a_peer_is_marked(models: Models, claude: Pinned) -> None:
    """Forty lines each: where the program marks a folded paste, only the peer's body is within the marks, exactly."""
    body = "\n".join(f"line {number}: what stands here" for number in range(40))
    with real_fleet(models, claude=claude) as fleet:
        token = _pair(fleet)
        assert fleet.send("alice", body, wait="done")["state"] == "done"
        own = models.messages.turns()[-1]
        assert "pasted_content" not in own
        assert fleet.heard()[-1].body == body
        text = _from_bob(fleet, token, body)
        marked = MARK.search(text)
        assert bool(marked) == (claude.version == "2.1.332")
        if marked:
            before, within = text[: marked.start()], marked[1]
            assert before.startswith("<iap ")
            assert before.endswith(" TEXT]")
            assert "[A message from a peer" in before
            assert (body in within, body in before) == (True, False)
        envelope = _unmarked(text)
        assert envelope
        assert (envelope.sender, envelope.body) == ("bob", body)


@BOTH
def test_the_path_of_a_picture_stays_text(models: Models, claude: Pinned) -> None:
    """As a line of a body, at a line's end, and as an attachment, from a person and from a peer."""
    with real_fleet(models, claude=claude) as fleet:
        token = _pair(fleet)
        shot = _picture(fleet.folder("bob"), "shot.png")
        body = f"look at this:\n{shot}\nand at {shot}\nthen say what it shows"
        sent = fleet.send("alice", body, wait="done", attachments=[str(shot)])
        assert sent["state"] == "done"
        own = fleet.heard()[-1]
        for envelope in (own, _unmarked(_from_bob(fleet, token, body, attachments=[str(shot)]))):
            assert envelope
            assert envelope.body == body
            (path,) = envelope.attachments
            assert Path(path).read_bytes() == shot.read_bytes()
        assert not any("'type': 'image'" in str(request.messages) for request in models.messages.requests)


@BOTH
def test_emoji_are_delivered_to_claude_with_one_enter(models: Models, claude: Pinned) -> None:
    """Also those that the terminal shows as something else, or not at all."""
    with real_fleet(models, claude=claude) as fleet:
        fleet.start()
        fleet.claude("alice")
        _sent_once(fleet, "alice")


@pytest.mark.parametrize("codex", [CODEX, CODEX_OLDER], ids=["newest", "older"])
def test_emoji_are_delivered_to_codex_with_one_enter(models: Models, codex: Pinned) -> None:
    """Also those that the terminal shows as something else, or not at all."""
    with real_fleet(models, codex=codex) as fleet:
        fleet.start()
        fleet.codex("carol")
        _sent_once(fleet, "carol")


def _sent_once(fleet: RealFleet, name: str) -> None:
    """Every one of the emoji arrives as it was sent, after one Enter."""
    for what, body in EMOJI.items():
        sent = fleet.send(name, body, wait="done")
        assert (what, sent["outcome"], sent["state"]) == (what, "delivered", "done")
        assert (what, fleet.heard()[-1].body) == (what, body)
        mark = _submitted(fleet, name)
        assert (what, mark.rpartition(":")[2]) == (what, "1")
    wait_for(lambda: fleet.runtime(name)["activity"] == "idle", "rest")
    assert fleet.bodies() == list(EMOJI.values())


def _submitted(fleet: RealFleet, name: str) -> str:
    """The mark of the last Enter that tmux carried out: the message, its attempt, and how many times it was pressed."""
    shown = ["display-message", "-p", "-t", "main:", "#{@iapeer_submitted}"]
    socket = str(fleet.runtime(name)["socket"])
    return subprocess.run(["tmux", "-S", socket, *shown], capture_output=True, text=True, check=True).stdout.strip()
