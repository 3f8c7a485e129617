"""The tables of what holds and what no longer does, from checks and an npm that are scripts of ours."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures import check_newest, check_pinned
from fixtures.check_newest import main, verdict_of
from tests.unit.runtimes.conftest import PINNED, Registry

STORK = replace(PINNED, title="Stork", name="stork", package="@birds/stork@{version}-{platform}")
CHECKS = """import json, os, sys
name, wish = sys.argv[1:]
assert wish == "--json"
program = os.environ[f"IAPEER_{{name.upper()}}_BIN"]
answers = json.load(open({answers!r}))
answer = answers[name]
if isinstance(answer, str):
    sys.exit(answer)
print(json.dumps({{"program": program, "passed": True, "checks": answer}}))
"""


def row(check: str, result: str = "ok", detail: str = "fine") -> dict[str, Any]:
    """One check's result, as `runtime check --json` gives it."""
    return {"check": check, "result": result, "detail": detail, "took_s": 0.1, "screen": ""}


@pytest.fixture
def checks(tmp_path: Path) -> Any:
    """Say what the checks find: the command to run them with."""

    def say(**answers: Any) -> list[str]:
        (tmp_path / "checks.json").write_text(json.dumps(answers))
        (tmp_path / "check.py").write_text(CHECKS.format(answers=str(tmp_path / "checks.json")))
        return [sys.executable, str(tmp_path / "check.py")]

    return say


def there(tmp_path: Path, *programs: str) -> None:
    """Put programs into the cache: name-version."""
    for program in programs:
        binary = tmp_path / "cache" / program / "bin" / "heron"
        binary.parent.mkdir(parents=True)
        binary.touch(0o755)


def tags(registry: Registry, **versions: str) -> None:
    """What npm has today."""
    answers: dict[str, object] = {f"@birds/{name} dist-tags": {"latest": one} for name, one in versions.items()}
    for name, one in versions.items():
        answers[f"@birds/{name}@{one}-linux-x64 dist.integrity"] = registry.integrity
    (registry.folder / "answers.json").write_text(json.dumps(answers))


def test_a_line_per_agent_and_one_per_failure(
    registry: Registry, checks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The new one is fetched, the pinned one is checked all the same; what is skipped is not counted."""
    tags(registry, heron="1.1.0", stork="1.0.0")
    there(tmp_path, "stork-1.0.0")
    failed = [row("clear", "failed", "the old one is in its context"), row("blocked", "failed", "no dialog")]
    command = checks(heron=[row("boots"), *failed, row("mcp", "skipped")], stork=[row("boots"), row("v", "differs")])
    assert main((PINNED, STORK), command) == 1
    assert capsys.readouterr().out.splitlines() == [
        "AGENT  VERSION  PINNED    VERDICT",
        "Heron  1.1.0    1.0.0     2 of 3 fail",
        "                          clear: the old one is in its context",
        "                          blocked: no dialog",
        "Stork  1.0.0    the same  all 2 hold",
    ]
    assert (tmp_path / "cache" / "heron-1.1.0" / "bin" / "heron").exists()


def test_all_hold(registry: Registry, checks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0."""
    tags(registry, heron="1.0.0")
    there(tmp_path, "heron-1.0.0")
    assert main((PINNED,), checks(heron=[row("boots")])) == 0
    assert capsys.readouterr().out.splitlines()[1] == "Heron  1.0.0    the same  all 1 hold"


def test_a_check_that_does_not_come_to_an_end_is_no_success(
    registry: Registry, checks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its last words say why; one that hangs is ended."""
    tags(registry, heron="1.0.0")
    there(tmp_path, "heron-1.0.0")
    assert main((PINNED,), checks(heron="a warning\niapeer: tmux is missing.")) == 1
    assert capsys.readouterr().out.splitlines()[1].endswith("could not be checked: iapeer: tmux is missing.")
    assert verdict_of(PINNED, "1.0.0", {"checks": []}, "").words == "could not be checked: it said nothing"


def test_a_check_that_hangs_is_ended(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so."""
    tags(registry, heron="1.0.0")
    there(tmp_path, "heron-1.0.0")
    monkeypatch.setattr(check_newest, "CHECK_SECONDS", 0.2)
    assert main((PINNED,), [sys.executable, "-c", "import time; time.sleep(60)"]) == 1
    assert "could not be checked: no end after 0.2 s" in capsys.readouterr().out


def test_an_npm_that_is_not_reached_is_one_sentence(
    registry: Registry, checks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one agent: in its line. Of all: the sentence alone, and no table."""
    tags(registry, heron="1.0.0")
    there(tmp_path, "heron-1.0.0")
    assert main((PINNED, STORK), checks(heron=[row("boots")])) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "Heron  1.0.0    the same  all 1 hold",
        "Stork  ?        1.0.0     npm could not bring @birds/stork: npm error code E404.",
    ]
    (registry.folder / "npm").unlink()
    assert main((PINNED, STORK), checks()) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "check-newest: npm is needed to fetch @birds/heron: install Node.js.\n")


def test_the_pins_are_checked_and_the_failing_named(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every table in its order, also after one that failed; a pin that cannot be fetched is one sentence."""
    older = replace(PINNED, version="0.9.0")
    there(tmp_path, "heron-1.0.0", "heron-0.9.0")
    code = 'import os, sys; print("table", sys.argv[1]); sys.exit("-0.9.0/" in os.environ.get("IAPEER_HERON_BIN", ""))'
    assert check_pinned.main((PINNED, older), [sys.executable, "-c", code]) == 1
    said = capsys.readouterr()
    tables = ["== fake", "table fake", "== heron 1.0.0", "table heron", "== heron 0.9.0", "table heron"]
    assert said.out.splitlines() == tables
    assert said.err == "check: not as their adapters say: heron 0.9.0.\n"
    assert check_pinned.main((PINNED,), [sys.executable, "-c", code]) == 0
    (registry.folder / "npm").unlink()
    assert check_pinned.main((STORK,), [sys.executable, "-c", code]) == 1
    assert capsys.readouterr().err == "check: npm is needed to fetch @birds/stork@1.0.0-linux-x64: install Node.js.\n"
