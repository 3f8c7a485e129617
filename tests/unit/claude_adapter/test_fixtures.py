"""The seeded home and the pinned binary, without the program itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fixtures import npm_binary
from fixtures.claude_home import KEY, seed
from fixtures.get_claude import CLAUDE, OLDER


def read(path: Path) -> dict[str, object]:
    """A JSON file."""
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_a_seeded_home_answers_every_dialog(tmp_path: Path) -> None:
    """Onboarding, key, trust of the real path, bypass; and nothing of the caller's environment."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    env = seed(tmp_path / "home", tmp_path / "link", url="http://127.0.0.1:1")
    state = read(tmp_path / "home" / ".claude.json")
    assert state["hasCompletedOnboarding"] is True
    assert state["customApiKeyResponses"] == {"approved": [KEY[-20:]], "rejected": []}
    assert state["projects"] == {str((tmp_path / "real").resolve()): {"hasTrustDialogAccepted": True}}
    assert read(tmp_path / "home" / ".claude" / "settings.json") == {"skipDangerousModePermissionPrompt": True}
    assert (env["HOME"], env["ANTHROPIC_API_KEY"], env["ANTHROPIC_BASE_URL"]) == (
        str(tmp_path / "home"),
        KEY,
        "http://127.0.0.1:1",
    )
    assert "CLAUDE_CONFIG_DIR" not in env
    assert ("IS_SANDBOX" in env) is (os.geteuid() == 0)


def test_an_untrusted_home_asks(tmp_path: Path) -> None:
    """Trust and the bypass warning are left open."""
    seed(tmp_path / "home", tmp_path, trusted=False)
    assert read(tmp_path / "home" / ".claude.json")["projects"] == {}
    assert read(tmp_path / "home" / ".claude" / "settings.json") == {}


def test_a_subscription_has_a_login_and_no_key(tmp_path: Path) -> None:
    """Only such a session shows a usage limit."""
    env = seed(tmp_path / "home", tmp_path, subscription=True)
    assert "ANTHROPIC_API_KEY" not in env
    assert "claudeAiOauth" in read(tmp_path / "home" / ".claude" / ".credentials.json")


def test_the_binary_is_found_on_path(tmp_path: Path) -> None:
    """Linked to where its installer would put it; seeding twice is fine."""
    for _ in range(2):
        env = seed(tmp_path / "home", tmp_path, binary=tmp_path / "claude")
    link = tmp_path / "home" / ".local" / "bin" / "claude"
    assert link.readlink() == tmp_path / "claude"
    assert env["PATH"].startswith(f"{link.parent}:")


def test_a_cached_binary_is_used_without_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The path is all that is printed."""
    monkeypatch.setenv("IAPEER_AGENT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    binary = tmp_path / f"claude-{CLAUDE.version}" / "claude"
    binary.parent.mkdir()
    binary.touch(0o755)
    assert npm_binary.main(CLAUDE, OLDER, []) == 0
    assert capsys.readouterr().out == f"{binary}\n"


def test_without_npm_the_failure_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to install, and leaves nothing half done."""
    monkeypatch.setenv("IAPEER_AGENT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(npm_binary, "platform_name", lambda: "linux-x64")
    assert npm_binary.main(CLAUDE, OLDER, []) == 1
    assert capsys.readouterr().err.endswith("install Node.js.\n")
    assert not list((tmp_path / f"claude-{CLAUDE.version}").iterdir())


def test_another_archive_is_refused(tmp_path: Path) -> None:
    """A checksum that is not the pinned one."""
    archive = tmp_path / "package.tgz"
    archive.write_bytes(b"something else")
    with pytest.raises(npm_binary.CannotFetch, match="is not the package:"):
        npm_binary.check(archive, CLAUDE.integrity["linux-x64"])
