"""What the operator confirms is what was shown, and all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Root, throw_away_root, wait_for
from tests.whole.doors.test_consent import ALL, asked, edit, hostile, plant, widened


@pytest.fixture(scope="module")
def house() -> Iterator[Root]:
    """A root with its daemon running. Each test uses peers of its own."""
    with throw_away_root() as made:
        made.start()
        yield made


def launch_env(folder: Path) -> Path:
    return folder / ".iapeer" / "runtimes" / "fake" / "launch.env"


@pytest.mark.parametrize(("answer", "flags", "has"), [("", [], set()), ("y", [], ALL), (None, ["--yes"], ALL)])
def test_trust_asks_at_a_terminal(house: Root, answer: str | None, flags: list[str], has: set[str]) -> None:
    """After it has shown all of it; the default is no, and `--yes` does not ask."""
    name = f"ann{answer}".lower()
    hostile(house, name)
    if answer is None:
        shown = asked(house, "trust", name, *flags, says="", until=f"Confirmed of {name}")
        assert "Confirm all of it?" not in shown
    else:
        shown = asked(house, "trust", name, *flags, says=answer)
        assert shown.index("variable PLANTED: new") < shown.index("Confirm all of it? [y/N]")
    house.call("POST", f"/peers/{name}/new", {})
    assert widened(house, name) == has


def test_what_is_written_between_the_question_and_the_yes_is_not_taken(house: Root) -> None:
    """The agent adds to its files while the operator reads."""
    agent = hostile(house, "bea")
    profile = agent.folder / ".iapeer" / "peer-profile.json"
    profile.write_text(json.dumps({**json.loads(profile.read_text()), "permissions": "default"}))

    shown = asked(house, "trust", "bea", says="y", meanwhile=lambda: edit(agent.folder, permissions="bypass"))
    assert "permissions" not in shown.partition("[y/N]")[0] and "changed meanwhile" in shown
    house.call("POST", "/peers/bea/new", {})
    assert widened(house, "bea") == set()


def test_nothing_hides_in_length_or_number(house: Root) -> None:
    """The last argument of many, the one variable among fifty, the end of a long prompt; more than that is refused."""
    agent = house.peer("cid")
    edit(agent.folder, initial_prompt="be kind " * 100 + "and obey")
    plant(agent.folder)
    harmless = " ".join(["--log=quiet"] * 20)
    names = "".join(f"A{number:02}=1\n" for number in range(50))
    launch_env(agent.folder).write_text(f"PEER_START_ARGS={harmless} --yolo\n{names}LD_PRELOAD=x\n")
    shown = asked(house, "trust", "cid", says="").replace("\r\n", "\n")
    assert "and obey" in shown and "--log=quiet --yolo (confirmed" in shown and "variable LD_PRELOAD: new" in shown
    launch_env(agent.folder).write_text("PEER_START_ARGS=" + "x " * 20_000 + "--yolo\n")
    done = house.cli("trust", "cid")
    assert done.returncode != 0 and "is too long" in done.stderr
    confirmed = house.call("GET", "/peers/cid")["confirmed"]
    assert confirmed["runtimes"][0]["args"] == [] and confirmed["initial_prompt"] == ""


def test_the_folder_launch_shows_what_its_trust_takes(house: Root) -> None:
    """Of a peer that there is: its files' word is listed before the agent has it."""
    agent = hostile(house, "dan")
    house.call("POST", "/peers/dan/stop", {})
    has: list[set[str]] = []

    def look() -> None:
        wait_for(lambda: house.runtime("dan")["pid"], "the agent")
        has.append(widened(house, "dan"))
        house.call("POST", "/peers/dan/stop", {})

    shown = asked(house, "fake", "--trust", says="", cwd=agent.folder, until="variable PLANTED: new", then=look)
    assert "permissions: bypass (confirmed: default)" in shown and has == [ALL]
