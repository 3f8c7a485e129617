"""The plan of a launch: what is handed on, what is not, and what is filled in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.model.errors import Refused
from iapeer.peers.launchenv import LaunchEnv
from iapeer.peers.profile import Profile
from iapeer.runtimes.adapter import Adapter, Doctrine, Launch, Mcp, SettingsFile, Trust
from iapeer.runtimes.load import read_adapter
from iapeer.sessions.launchplan import (
    TURN_HOOK,
    House,
    Plan,
    Wish,
    check_doctrine,
    fill,
    home_of,
    plan,
    scrubbed,
    token_hash,
)  # fmt: skip
from tests.harness import REPO

FAKE = read_adapter(REPO / "fixtures" / "fake.toml").model_copy(update={"mcp": None, "doctrine": None})
DOCTRINE = 'You are "ann".\n{home}\\ \x7f\ud800é'
OURS = "-----BEGIN CERTIFICATE-----\n"
HOUSE = House(Path("/sock"), "https://127.0.0.1:1/mcp", OURS, Path("/private"))
ANN = Profile(personality="ann", default_runtime="fake", runtimes=["fake"])


def plan_of(
    adapter: Adapter = FAKE, profile: Profile = ANN, settings: LaunchEnv = LaunchEnv(), mode: str = "fresh",  # noqa: B008
    base: dict[str, str] | None = None, conversation: str = "c1",
) -> Plan:  # fmt: skip
    return plan(
        adapter, "/bin/agent", profile, settings, Wish("s1", mode, conversation, ("--extra",), "/folder", DOCTRINE),
        {"HOME": "/h", **(base or {})},
        HOUSE,
    )  # fmt: skip


def test_the_command_line_is_composed_in_order() -> None:
    """Program, fresh or resume with the conversation, model, permissions, the peer's own arguments, the caller's."""
    profile = ANN.model_copy(update={"model": "big", "permissions": "bypass"})
    made = plan_of(profile=profile, settings=LaunchEnv({}, ("--own",)))
    assert made.argv == ["/bin/agent", "--session-id", "c1", "--model", "big", "--yolo", "--own", "--extra"]
    assert plan_of(mode="resume").argv == ["/bin/agent", "--resume", "c1", "--extra"]


def test_a_model_is_no_argument() -> None:
    """What begins with a dash would be a flag of its own to some programs."""
    with pytest.raises(Refused, match="'--yolo' is an argument"):
        plan_of(profile=ANN.model_copy(update={"model": "--yolo"}))


def test_bypass_must_be_offered() -> None:
    """An agent without such a mode is refused, not started without it."""
    launch = FAKE.launch.model_copy(update={"permissions": {}})
    with pytest.raises(Refused, match="no bypass mode"):
        plan_of(FAKE.model_copy(update={"launch": launch}), ANN.model_copy(update={"permissions": "bypass"}))


def test_who_the_parent_is_is_never_handed_on() -> None:
    """The fleet's own variables, the terminal's, the fault point and what the adapter lists; all else is."""
    base = {
        "PEER_IDENTITY": "x", "PEER_ANYTHING": "x", "IAPEER_TOKEN": "x", "IAPEER_SESSION": "x", "IAPEER_SOCKET": "x",
        "IAPEER_FAULT": "x", "TMUX": "x", "TMUX_PANE": "x", "AGENT_CODE_A": "x", "AGENT_CODE": "x", "SECRET": "x",
        "IAPEER_ROOT": "/r", "PEERLESS": "y", "TMUXINATOR": "y", "PATH": "/bin", "AGENT": "y",
    }  # fmt: skip
    kept = scrubbed(base, ["AGENT_CODE*", "SECRET"])
    assert kept == {"IAPEER_ROOT": "/r", "PEERLESS": "y", "TMUXINATOR": "y", "PATH": "/bin", "AGENT": "y"}


def test_what_a_session_is_told() -> None:
    """Who it is, its session, the socket and its token; a peer's settings may not claim to be somebody else."""
    settings = LaunchEnv({"PEER_IDENTITY": "fake-bob", "IAPEER_TOKEN": "forged", "FAKE_HOME": "/own", "X": "1"})
    made = plan_of(settings=settings, base={"IAPEER_TOKEN": "of the parent", "X": "0"})
    told = {name: made.env[name] for name in made.env if name.startswith(("PEER_", "IAPEER_"))}
    assert told == {
        "PEER_PERSONALITY": "ann", "PEER_RUNTIME": "fake", "PEER_IDENTITY": "fake-ann", "IAPEER_SESSION": "s1",
        "IAPEER_SOCKET": "/sock", "IAPEER_TOKEN": made.token,
    }  # fmt: skip
    assert (made.env["X"], made.home) == ("1", "/own")
    assert len(made.token) == 64
    assert made.token not in " ".join(made.argv)
    assert plan_of().token != made.token
    assert token_hash(made.token) != made.token
    assert token_hash(made.token) == token_hash(made.token)


def test_adapter_variables_rank_below_the_peers() -> None:
    """Parent, then adapter, then its permission mode, then the peer's launch.env."""
    launch = Launch.model_validate(
        {
            "conversation": "chosen", "env": {"A": "adapter", "B": "adapter", "C": "adapter"},
            "permissions": {"bypass": {"env": {"B": "bypass", "C": "bypass"}}},
        }
    )  # fmt: skip
    adapter = FAKE.model_copy(update={"launch": launch})
    made = plan_of(
        adapter, ANN.model_copy(update={"permissions": "bypass"}), LaunchEnv({"C": "peer"}), base={"A": "base"}
    )
    assert [made.env[name] for name in "ABC"] == ["adapter", "bypass", "peer"]


def test_adapter_variables_are_filled_in() -> None:
    """What the peer says in its own launch.env stays as it is."""
    launch = FAKE.launch.model_copy(update={"env": {"CONFIG": "see {cwd:json}", "WORDS": "{doctrine_file}"}})
    adapter = FAKE.model_copy(update={"launch": launch})
    made = plan_of(adapter, settings=LaunchEnv({"WORDS": "{cwd}"}, ()), base={"CONFIG": "{cwd}", "MORE": "{cwd}"})
    assert [made.env[name] for name in ("CONFIG", "WORDS", "MORE")] == ['see "/folder"', "{cwd}", "{cwd}"]


def test_settings_are_a_file_with_its_flags() -> None:
    """The file's text has our command filled in, and no token: that is in the environment only."""
    settings = SettingsFile(args=["--settings", "{settings_file}"], body='{"hook": {turn_hook:json}, "x": {"y": "{}"}}')
    made = plan_of(FAKE.model_copy(update={"settings": settings}))
    assert made.argv[-3:] == ["--settings", "/private/settings.json", "--extra"]
    assert json.loads(made.files["settings.json"]) == {"hook": TURN_HOOK, "x": {"y": "{}"}}
    assert plan_of().files == {}


@pytest.mark.parametrize("env", [{}, {"IAPEER_TOKEN": "t", "IAPEER_SOCKET": "/nowhere"}, {"PATH": "/nowhere"}])
def test_the_hook_says_nothing_and_ends_well(env: dict[str, str]) -> None:
    """Outside of a session and without a daemon: what a program would take for an order never comes."""
    done = subprocess.run(["/bin/sh", "-c", TURN_HOOK], input=b"{}", capture_output=True, env=env, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_our_server_and_our_words_are_flags_and_private_files() -> None:
    """Placeholders of both; a text is filled in once, so that braces in it are no placeholders."""
    mcp = Mcp(args=["--mcp", "{mcp_file}"], body='{"url": "{mcp_url}", "auth": "${IAPEER_TOKEN}"}')
    doctrine = Doctrine(args=["--d", "{doctrine_file}"], file=True)
    made = plan_of(FAKE.model_copy(update={"mcp": mcp, "doctrine": doctrine}))
    assert made.argv[3:] == ["--mcp", "/private/mcp.json", "--d", "/private/doctrine.md", "--extra"]
    assert made.files == {
        "mcp.json": '{"url": "https://127.0.0.1:1/mcp", "auth": "${IAPEER_TOKEN}"}', "doctrine.md": DOCTRINE,
        "trust.pem": OURS,
    }  # fmt: skip


def test_our_words_as_an_argument() -> None:
    """Quoted for the language the program reads; no file then, and none for a server that is named by flags alone."""
    update = {
        "mcp": Mcp(args=["-c", "mcp={url={mcp_url:toml},cwd={cwd:json}}"]),
        "doctrine": Doctrine(args=["-c", "words={doctrine:toml}", "-c", "{doctrine:json}"]),
    }
    made = plan_of(FAKE.model_copy(update=update))
    _, server, _, words, _, quoted, _ = made.argv[3:]
    clean = DOCTRINE.replace("\ud800", "\ufffd")
    assert tomllib.loads(server) == {"mcp": {"url": "https://127.0.0.1:1/mcp", "cwd": "/folder"}}
    assert tomllib.loads(words) == {"words": clean}
    assert json.loads(quoted) == clean
    assert made.files == {"trust.pem": OURS}


@given(st.text())
def test_quoted_texts_come_back(text: str) -> None:
    """As TOML and as JSON reads them; halves of surrogate pairs are replaced."""
    clean = re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert tomllib.loads(fill("x={doctrine:toml}", {"doctrine": text})) == {"x": clean}
    assert json.loads(fill("{doctrine:json}", {"doctrine": text})) == clean
    assert "\n" not in fill("{doctrine:toml}", {"doctrine": text})


def test_what_the_user_trusts_is_trusted_beside_our_server(tmp_path: Path) -> None:
    """The file that the program would have read, and ours; a pipe or a folder in its place holds nobody up."""
    (tmp_path / "own.pem").write_text("their own")
    os.mkfifo(tmp_path / "pipe")
    made = {"own.pem": f"their own\n{OURS}", "pipe": OURS, "": OURS, "none": OURS}
    trust = Trust(variable="CA", instead=["OTHER_CA"])
    adapter = FAKE.model_copy(update={"mcp": Mcp(args=[], trust=trust)})
    for file, text in made.items():
        for variable in ("CA", "OTHER_CA"):
            planned = plan_of(adapter, settings=LaunchEnv({variable: str(tmp_path / file)}))
            assert (planned.files["trust.pem"], planned.env["CA"]) == (text, "/private/trust.pem")
    both = LaunchEnv({"CA": str(tmp_path / "own.pem"), "OTHER_CA": "/not/read"})
    assert plan_of(adapter, settings=both).files["trust.pem"] == made["own.pem"]


def test_an_argument_longer_than_the_system_takes_is_refused() -> None:
    """Measured as it is handed over: quoted, in UTF-8."""
    adapter = FAKE.model_copy(update={"doctrine": Doctrine(args=["{doctrine:toml}"])})
    check_doctrine(adapter, "é" * 65_534)
    with pytest.raises(Refused, match="131,074 bytes"):
        check_doctrine(adapter, "é" * 65_536)
    check_doctrine(FAKE, "é" * 65_536)


@given(st.text(alphabet="{}ab $", max_size=30))
def test_other_braces_stay(text: str) -> None:
    """Only the known placeholders are filled in; nothing else is touched."""
    assert fill(text, {"conversation": "c1", "home": "/h"}) == text
    assert fill(f"{text}{{home}}", {"home": "/h"}) == f"{text}/h"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_value_in_toml_is_one_string(value: str) -> None:
    """Whatever it holds, also what looks like a placeholder."""
    filled = fill("x = {a={{cwd:toml}=1}}", {"cwd": value, "model": "m"})
    assert tomllib.loads(filled) == {"x": {"a": {value: 1}}}


@pytest.mark.parametrize(
    ("env", "home"),
    [
        ({"HOME": "/h", "FAKE_HOME": "/moved"}, "/moved"),
        ({"HOME": "/h", "FAKE_HOME": "~/x"}, "/h/x"),
        ({"HOME": "/h", "FAKE_HOME": ""}, "/h/.fake-agent"),
        ({"HOME": "/h"}, "/h/.fake-agent"),
        ({"HOME": "/h", "FAKE_HOME": "~other/x"}, "~other/x"),
    ],
)
def test_the_programs_home_is_that_of_its_session(env: dict[str, str], home: str) -> None:
    """Its variable, else its default below the session's HOME, not ours."""
    assert home_of(FAKE, env) == home
