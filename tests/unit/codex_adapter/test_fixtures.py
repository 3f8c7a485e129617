"""The seeded home and the pinned package, without the program itself."""

from __future__ import annotations

import io
import tarfile
import tomllib
from pathlib import Path

import pytest

from fixtures import npm_binary
from fixtures.codex_home import seed
from fixtures.get_codex import CODEX


def test_a_seeded_home_has_a_provider_and_nothing_else(tmp_path: Path) -> None:
    """Model and provider, its key in the environment, and nothing of the caller's."""
    env = seed(tmp_path / "home", url="http://127.0.0.1:1")
    config = tomllib.loads((tmp_path / "home" / ".codex" / "config.toml").read_text())
    assert set(config) == {"model", "model_provider", "model_providers"}
    provider = config["model_providers"][config["model_provider"]]
    assert (provider["base_url"], provider["wire_api"]) == ("http://127.0.0.1:1/v1", "responses")
    assert env[provider["env_key"]]
    assert env["HOME"] == str(tmp_path / "home")
    assert Path(env["TMPDIR"]).is_dir()
    seed(tmp_path / "home", provider=False)
    assert (tmp_path / "home" / ".codex" / "config.toml").read_text() == ""


def test_what_is_needed_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program and what lies beside it, from this platform's folder; what its package lacks is no must."""
    monkeypatch.setenv("IAPEER_AGENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(npm_binary, "platform_name", lambda: "darwin-arm64")
    archive = tmp_path / "package.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("bin/codex", "codex-path/rg", "codex-package.json", "codex-resources/voice/x"):
            member = tarfile.TarInfo(f"package/vendor/aarch64-apple-darwin/{name}")
            member.size = 1
            tar.addfile(member, io.BytesIO(b"x"))
    monkeypatch.setattr(npm_binary, "_pack", lambda package, into: archive)
    monkeypatch.setattr(npm_binary, "check", lambda *_: None)
    binary = CODEX.get()
    assert binary == tmp_path / "cache" / f"codex-{CODEX.version}" / "bin" / "codex"
    assert binary.stat().st_mode & 0o111
    found = {str(path.relative_to(binary.parents[1])) for path in binary.parents[1].rglob("*") if path.is_file()}
    assert found == {"bin/codex", "codex-path/rg", "codex-package.json"}
