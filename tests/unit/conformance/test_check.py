"""The suite on the fake agent: a sound one passes, and each fault is found by the check that is there for it."""

from __future__ import annotations

import signal
import socket
import subprocess

import pytest

from tests.harness import Root, wait_for
from tests.unit.conformance.conftest import ADAPTER, Checks

TABLE = "[check]\n"
MELTING = 'transforms = [["\U0001fae9", "\U0001fae0"]]'
PIECES = "pieces = { line_ends = 2, characters = 700 }\n"


def fault(flags: str) -> tuple[str, str]:
    """A change of the adapter: the agent is started with these flags."""
    return TABLE, f'{TABLE}env = {{ FAKE_ARGS = "{flags}" }}\n'


def test_a_sound_agent_passes(checks: Checks) -> None:
    """Every check is done but those of what the adapter lacks, and the exit code is 0."""
    done = checks.run("fake", "--json")
    assert (done.code, done.err, done.failed) == (0, "", [])
    answer = done.answer
    assert answer["passed"] and answer["runtime"] == "fake" and answer["version"] == "1.0.0"
    assert {one["result"] for one in answer["checks"]} == {"ok", "skipped"}
    skipped = [one["check"] for one in answer["checks"] if one["result"] == "skipped"]
    assert skipped == ["doctrine", "mcp", "doors"]  # there is no server, and no door
    number = len(answer["checks"]) - 3
    assert number > 40 and answer["verdict"] == f"Fake Agent 1.0.0: all {number} checks hold; 3 skipped."


@pytest.mark.parametrize(
    ("changes", "check", "detail"),
    [
        ([fault("--swallow-enters=99")], "body: one line", "stranded"),
        ([fault("--no-turn-end")], "body: one line", "failed: interrupted"),
        ([fault("--login")], "boots", "login"),
        ([fault("--unknown-dialog")], "boots", "Enter to select"),
        ([fault("--trust-dialog")], "boots", "it asked first: trust"),
        ([fault("--die-at-boot=3")], "boots", "cannot start"),
        ([(' \\(Fake Agent\\)', ' \\(Real Agent\\)')], "version", "does not tell its version"),
        ([("[typing]\n", '[typing]\ntransforms = [["is", "is "]]\n')], "body: one line", "from character 9 on 'th"),
        ([('error_says = "broken pipe"', 'error_says = "burst pipe"')], "turn: fails", "broken pipe"),
        (
            [('"permission prompt" = "permission"', '"permission prompt" = "question"'),
             ('reason = "permission"', 'reason = "question"')],
            "blocked", "blocked on question, not on permission",
        ),
        ([('clear = "/clear"', 'clear = "/clean"')], "clear", "still the same"),
        ([('resume = ["--resume"', 'resume = ["--session-id"')], "resume", ""),
        ([fault("--reviews")], "body: direction marks", "2 Enters"),
        ([fault("--takes-pictures")], "body: a picture", "not over within"),
        ([("[typing]\n", f"[typing]\n{MELTING}\n")], "body: a new emoji", "arrived, not '\U0001fae0 so"),
        ([fault("--marks-pastes"), (PIECES, "")], "who speaks", "the operator's text does not arrive bare: '<pasted>'"),
        ([(TABLE, f'{TABLE}doors = {{ files = ["{{home}}/state/{{pid}}.json"] }}\n')], "doors", "there is /"),
        ([(", pending = { above = 0 }", ', pending = "no"')], "turn: sub-agent", "ms before the result came back"),
        ([('subagent = "@@AGENT', 'subagent = "@@SAY')], "turn: sub-agent", "its result never came back"),
        ([('clear = ["C-u"]', 'clear = ["Up"]'), fault("--silent-interrupt")], "turn: a long text taken back", "draft"),
        ([fault("--bright-hint")], "turn: fails with a hint", "draft"),
        ([('dialogs = ["trust"]', "dialogs = []")], "home: first start", "the dialogs were trust"),
        ([("· fake-2$", "· fake-3$")], "home: own settings", "not seen: 'Fake Agent"),
        ([('idle = ["idle"]', 'idle = ["resting"]')], "signals", "live state"),
        ([("clean = [0, 143]", "clean = [0]")], "ends", "exit code 143"),
    ],
)  # fmt: skip
def test_a_fault_is_found(checks: Checks, changes: list[tuple[str, str]], check: str, detail: str) -> None:
    """The check that is there for it fails and says why; the exit code is 1."""
    checks.adapter(*changes)
    done = checks.run("fake", "--json", "--timeout", "8", "--only", check)
    assert done.failed == [check], done.out
    assert detail in done.result(check)[1]
    assert done.code == 1
    assert done.err == f"iapeer: 1 of {len(done.answer['checks'])} checks failed: {check}.\n"


def test_a_program_that_takes_an_offer_is_found(checks: Checks) -> None:
    """What it writes into a file that is its user's, in a home where it is there."""
    checks.program('[ ! -f "$HOME/.fake-agent/settings" ] || echo more >> "$HOME/.fake-agent/settings"')
    done = checks.run("fake", "--json", "--timeout", "8", "--only", "home")
    assert done.failed == ["home: own settings"]
    assert done.result("home: own settings")[1] == "changed: .fake-agent/settings"


def test_pictures_that_a_program_takes_stay_text_where_its_adapter_says_how(checks: Checks) -> None:
    """By the rule that cuts their paths."""
    checks.adapter(fault("--takes-pictures"), (PIECES, PIECES + "pictures = '\\.png(?=$)'\n"))
    done = checks.run("fake", "--json", "--timeout", "8", "--only", "picture")
    assert (done.code, done.result("body: a picture")[0]) == (0, "ok"), done.out


def test_after_a_failure_the_next_check_is_done_in_a_fresh_session(checks: Checks) -> None:
    """What one check left behind does not spoil the next: the message that never arrived is gone."""
    checks.adapter(('clear = "/clear"', 'clear = "/exit"'))
    done = checks.run("fake", "--json", "--timeout", "6", "--only", "e")
    assert done.failed == ["clear"]
    assert done.result("resume")[0] == "ok"


def test_without_a_session_the_rest_is_skipped(checks: Checks) -> None:
    """A program that does not boot is told once, with its screen."""
    checks.adapter(fault("--login"))
    done = checks.run("fake", "--timeout", "6")
    assert done.code == 1
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["CHECK", "RESULT", "TIME", "DETAIL"]
    assert rows[2][:2] == ["boots", "failed"]
    assert "there is no session to check it in" in done.out
    assert "The screen when 'boots' failed:" in done.out and "Not logged in" in done.out


def test_a_version_that_was_not_checked_is_told_and_no_failure(checks: Checks) -> None:
    """That is what the suite is for."""
    checks.adapter(('checked = ["=1.0.0"]', 'checked = ["=0.9.0"]'))
    done = checks.run("fake", "--json", "--only", "version")
    told = "Fake Agent 1.0.0 is newer than its adapter was checked with (=0.9.0)"
    assert (done.code, done.result("version")) == (0, ("differs", told))


def test_the_program_is_driven_by_what_holds_for_its_version(checks: Checks) -> None:
    """By the daemon, and by the suite itself: the word that begins another conversation is right for this one only."""
    ranges = '[[versions]]\nrange = "=1.0.0"\n[versions.commands]\nclear = "/clear"\n'
    checks.adapter(('clear = "/clear"', 'clear = "/clean"'), (TABLE, f"{ranges}\n{TABLE}"))
    done = checks.run("fake", "--json", "--only", "clear")
    assert (done.code, done.result("clear")[0]) == (0, "ok"), done.out


def test_an_adapter_without_a_check_table_says_so(checks: Checks) -> None:
    """The version is looked at; everything else is listed as not done, and the exit code is that of a wrong call."""
    checks.adapter(text=ADAPTER[: ADAPTER.index(TABLE)])
    done = checks.run("fake", "--json")
    assert done.code == 2
    assert "has no [check] table" in done.err
    assert done.result("version")[0] == "ok"
    assert done.result("resume") == ("skipped", "the adapter has no [check] table")


def test_what_the_program_leaves_running_is_found_and_ended(checks: Checks) -> None:
    """Also a background process that hides from its session's environment."""
    checks.program('[ "$1" = --version ] || (env -i setsid sleep 300 &)')
    done = checks.run("fake", "--json", "--only", "ends")
    assert done.failed == ["ends"]
    assert "left behind: sleep" in done.result("ends")[1]


def test_the_program_gets_nothing_of_our_environment(checks: Checks) -> None:
    """Not our home, not our variables, and no network but loopback where that can be had."""
    seen = checks.base / "seen"
    checks.env["A_SECRET"] = "do not tell"
    checks.program(f"env > {seen}; cat /proc/net/dev > {seen}.net 2>/dev/null")
    assert checks.run("fake", "--json", "--only", "one line").code == 0
    told = seen.read_text()
    assert "A_SECRET" not in told and str(checks.home) not in told
    assert f"HOME={checks.tmp}/iapeer-" in told
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0:
        devices = [line.split(":")[0].strip() for line in (seen.with_suffix(".net")).read_text().splitlines()[2:]]
        assert "lo" in devices and not any(device.startswith(("eth", "en", "wl")) for device in devices)
        assert len(devices) < len(socket.if_nameindex()) or len(socket.if_nameindex()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_giving_up_leaves_nothing(checks: Checks, number: signal.Signals) -> None:
    """In the midst of a check: agent, daemon and folder are gone, and nothing is said of it."""
    process = checks.begin("fake")
    out = process.stdout
    assert out is not None
    wait_for(lambda: "boots" in out.readline(), "the session")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    checks.nothing_is_left()


def test_kept_is_what_was_asked_for(checks: Checks) -> None:
    """The root with its logs stays, without a process."""
    process = checks.begin("fake", "--keep", "--json", "--only", "one line")
    out, _ = process.communicate(timeout=60)
    (kept,) = checks.tmp.iterdir()
    assert f'"kept": "{kept}"' in out
    assert (kept / "root" / "state" / "logs").is_dir()
    assert not list((kept / "root" / "state" / "socks").iterdir())


def test_unknown_runtimes_are_met_with_the_known(checks: Checks) -> None:
    """Nothing is started."""
    done = checks.run("clude")
    assert (done.code, done.out) == (3, "")
    assert "did you mean claude" in done.err


def test_a_program_that_is_not_there_leaves_the_users_own_fleet_alone(fleet: Root) -> None:
    """The run ends before it has a house of its own: nothing of the user's is stopped for it."""
    agent = fleet.peer("bob")
    fleet.call("POST", "/peers/bob/start", {})
    before = agent.pid
    done = fleet.cli("runtime", "check", "fake", IAPEER_FAKE_BIN="/nowhere/fake")
    assert done.returncode == 3 and "/nowhere/fake" in done.stderr
    assert (fleet.runtime("bob")["status"], agent.pid) == ("live", before)
    assert fleet.events("peer_stopped", "daemon_stopped") == []
