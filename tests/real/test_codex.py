"""The main job on the real Codex: what the model was sent, what the rollout holds, what the person is told."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import psutil
import pytest

from iapeer.model.envelope import Envelope, wire
from iapeer.model.sanitise import sanitise
from tests.harness import wait_for
from tests.real.conftest import Models, RealFleet, real_fleet
from tests.real.test_claude import BODIES as OF_CLAUDE
from tests.whole.faults.kit import background

pytestmark = pytest.mark.real

BODIES = {
    **OF_CLAUDE,
    "999 characters": "x" * 400,
    "higher than its place": "\n".join(f"row {number}" for number in range(60)),
    "names in mid-body": "costs $x, see @README.md and $nothing here",
    "ends in a name": "look at $x",
    "a blank start": "\n\n  indented",
}


@pytest.fixture
def fleet(models: Models) -> Iterator[RealFleet]:
    """A fleet with its daemon, and carol, a Codex, in it."""
    with real_fleet(models) as made:
        made.start()
        made.codex("carol")
        yield made


def session(fleet: RealFleet) -> dict[str, str]:
    """Carol's last session."""
    found: dict[str, str] = fleet.call("GET", "/peers/carol")["last_session"]
    return found


def escalated(fleet: RealFleet) -> str:
    """A message that makes Codex ask before it makes a file."""
    command = f'"cmd":"touch {fleet.folder("carol")}/made"'
    return f'@@TOOL exec_command {{{command},"sandbox_permissions":"require_escalated","justification":"May I?"}}@@'


def test_every_body_arrives_exactly(fleet: RealFleet) -> None:
    """One session is woken by the first message and takes them all: the model is sent each body, exactly and once."""
    for name, body in BODIES.items():
        sent = fleet.send("carol", body, wait="done")
        assert (name, sent["outcome"], sent["state"]) == (name, "delivered", "done")
        assert (name, fleet.heard()[-1].body) == (name, sanitise(body).text)
    assert fleet.bodies() == [sanitise(body).text for body in BODIES.values()]
    assert not (fleet.folder("carol") / "TRAP").exists()
    assert len(fleet.events("wake")) == 1
    assert not fleet.events("degraded", "dialog", "actor_error")


def test_the_conversation_is_known_before_its_first_message(fleet: RealFleet) -> None:
    """By the lock that the process holds; the first message's record then carries that id in its name."""
    fleet.cli("start", "carol", check=True)
    known = wait_for(lambda: session(fleet)["conversation"], "the conversation's id")
    fleet.send("carol", "hello", wait="done")
    assert session(fleet)["conversation"] == known
    (record,) = (fleet.home / ".codex" / "sessions").rglob("*.jsonl")
    assert known in record.name


def test_a_running_answer_is_not_cut(fleet: RealFleet) -> None:
    """While an answer streams the screen looks idle: the next message waits for the record to say that it ended."""
    first = fleet.send("carol", "@@SLOW 4@@ to the end", wait="delivered")
    second = fleet.send("carol", "after that")
    assert (second["outcome"], second["reason"]) == ("queued", "busy")
    done = fleet.until(second["id"], "done")
    ended = next(event["ts"] for event in fleet.message(first["id"])["events"] if event["ev"] == "done")
    typed = next(event["ts"] for event in done["events"] if event["ev"] == "typed")
    assert typed >= ended
    assert fleet.bodies() == ["@@SLOW 4@@ to the end", "after that"]
    said = [text for role, text in fleet.models.responses.requests[-1].history if role == "assistant"]
    assert said[:1] == ["ECHO: @@SLOW 4@@ to the end"]


def test_a_permission_dialog_blocks_and_nothing_is_approved(fleet: RealFleet) -> None:
    """While Codex asks, the peer is blocked and messages wait; none of them presses its Yes."""
    asked = fleet.send("carol", escalated(fleet), wait="delivered")
    entry = wait_for(lambda: (found := fleet.runtime("carol"))["activity"] == "blocked" and found, "the dialog")
    assert entry and entry["blocked_on"]["reason"] == "permission"
    waiting = fleet.send("carol", "yes")
    assert waiting["outcome"] == "queued"
    wait_for(lambda: fleet.message(waiting["id"])["row"]["reason"] == "dialog", "the reason to show")
    fleet.call("POST", "/peers/carol/answer", {"key": "Escape"})
    assert fleet.until(asked["id"], "failed")["row"]["error"] == "interrupted"
    fleet.until(waiting["id"], "done")
    assert not (fleet.folder("carol") / "made").exists()


def test_bypass_is_asked_for_by_the_profile_alone(models: Models) -> None:
    """With permissions bypass a tool runs without a question."""
    with real_fleet(models) as fleet:
        fleet.start()
        fleet.codex("carol", permissions="bypass")
        mark = fleet.folder("carol") / "made"
        sent = fleet.send("carol", f'@@TOOL exec_command {{"cmd":"touch {mark}"}}@@', wait="done")
        assert (sent["state"], mark.exists()) == ("done", True)
        assert not fleet.events("dialog")


def test_a_folder_with_settings_of_its_own_asks_nothing(fleet: RealFleet) -> None:
    """Codex asks whether such a folder is to be trusted: making the peer was the answer, told at launch."""
    (fleet.folder("carol") / ".codex").mkdir()
    assert fleet.send("carol", "hello", wait="done")["state"] == "done"
    assert not fleet.events("dialog")


def test_a_trust_dialog_that_comes_all_the_same_is_answered(models: Models) -> None:
    """Should the flag not reach: the first message arrives after the dialog, and never in it."""
    with real_fleet(models) as fleet:
        fleet.write_adapter("codex", "projects={{cwd:toml}=", "projects={{home:toml}=")
        fleet.start()
        fleet.codex("carol")
        (fleet.folder("carol") / ".codex").mkdir()
        assert fleet.send("carol", "hello", wait="done")["state"] == "done"
        assert [event["dialog"] for event in fleet.events("dialog")] == ["trust"]
        assert fleet.bodies() == ["hello"]


def test_a_compaction_is_seen_to_be_done(fleet: RealFleet) -> None:
    """The rollout says so; the conversation goes on."""
    fleet.send("carol", "a long story", wait="done")
    fleet.call("POST", "/peers/carol/compact", {})
    assert "compact" in [request.kind for request in fleet.models.responses.requests]
    assert fleet.send("carol", "go on", wait="done")["state"] == "done"


def test_interrupts_end_the_turn_and_leave_the_composer_clean(fleet: RealFleet) -> None:
    """Interrupted in mid-answer and before the first word: both rows say so, and the next message arrives whole."""
    for script in ("@@SLOW 20@@", "@@FIRST 20@@"):
        sent = fleet.send("carol", script, wait="delivered")
        assert fleet.call("POST", "/peers/carol/interrupt", {})["status"] == "live"
        assert fleet.until(sent["id"], "failed")["row"]["error"] == "interrupted"
    assert fleet.send("carol", "and now?", wait="done")["state"] == "done"
    assert fleet.bodies()[-1] == "and now?"


def test_errors_of_the_model_are_told(fleet: RealFleet) -> None:
    """A turn that ends in an error, or at the usage limit, is failed in its own words; the next runs, or is held."""
    limit = "@@QUOTA 4102444800@@"
    failing = (("@@ERR 400@@", "400"), ("@@ERR 401@@", "401"), ("and now?", ""), (limit, "usage limit"))
    for script, words in failing:
        sent = fleet.send("carol", script, wait="done")
        assert (script, sent["state"]) == (script, "failed" if words else "done")
        assert words in (fleet.message(sent["id"])["row"]["error"] or "")
    held = fleet.send("carol", "and then?")
    assert (held["outcome"], held["reason"]) == ("queued", "quota")


def test_a_killed_daemon_loses_nothing(fleet: RealFleet) -> None:
    """kill -9 in mid-turn: the agent works on, the next daemon finds it, and both messages end done, once each."""
    first = fleet.send("carol", "@@SLOW 3@@", wait="delivered")
    second = fleet.send("carol", "queued behind")
    before = fleet.runtime("carol")
    fleet.kill()
    assert psutil.pid_exists(before["pid"])
    fleet.start()
    fleet.until(first["id"], "done")
    fleet.until(second["id"], "done")
    after = fleet.runtime("carol")
    assert (after["pid"], after["session"]) == (before["pid"], before["session"])
    assert fleet.bodies() == ["@@SLOW 3@@", "queued behind"]


@pytest.mark.parametrize("point", ["enter:after", "paste:after"])
def test_a_daemon_killed_around_the_very_first_enter(models: Models, point: str) -> None:
    """The rollout comes to be while no daemon watches: the next one finds it, and the message is in it once."""
    with real_fleet(models) as fleet:
        fleet.start(point)
        fleet.codex("carol")
        sent = fleet.send("carol", "the first")
        fleet.wait_dead()
        fleet.start()
        assert fleet.until(sent["id"], "done")["row"]["attempt"] == 1
        assert fleet.bodies() == ["the first"]


def test_clear_is_followed(fleet: RealFleet) -> None:
    """After /clear the conversation is another one, and its rollout is the proof from then on."""
    fleet.send("carol", "before", wait="done")
    first = session(fleet)["conversation"]
    fleet.call("POST", "/peers/carol/answer", {"text": "/clear"})
    fleet.call("POST", "/peers/carol/answer", {"key": "Enter"})
    assert fleet.send("carol", "after", wait="done")["state"] == "done"
    assert session(fleet)["conversation"] not in (first, None)
    assert fleet.bodies() == ["before", "after"]
    assert ("user", "before") not in fleet.models.responses.requests[-1].history


def test_stop_is_clean_and_attach_resumes(fleet: RealFleet) -> None:
    """A stopped session leaves no process and no socket; the next start resumes it; attach resumes what ended too."""
    fleet.send("carol", "remember the word heron", wait="done")
    first = session(fleet)
    fleet.call("POST", "/peers/carol/stop", {})
    assert not fleet.processes()
    ended = fleet.call("GET", f"/sessions/{first['id']}")
    assert (ended["end_cause"], ended["exit_code"], ended["signal"]) == ("stop", None, 15)
    assert not list((fleet.base / "root" / "state" / "socks").glob("codex-*"))
    fleet.cli("start", "carol", check=True)
    fleet.send("carol", "another talk", wait="done")
    assert (session(fleet)["mode"], session(fleet)["conversation"]) == ("resume", first["conversation"])
    talk = session(fleet)["conversation"]
    psutil.Process(fleet.runtime("carol")["pid"]).terminate()
    fleet.call("GET", "/peers/carol/wait", state="asleep", timeout_s=30)
    assert not fleet.processes()
    assert fleet.call("POST", "/peers/carol/attach", {})["woke"]
    fleet.call("GET", "/peers/carol/wait", state="idle", timeout_s=30)
    assert (session(fleet)["mode"], session(fleet)["conversation"]) == ("resume", talk)
    assert fleet.send("carol", "still the same?", wait="done")["state"] == "done"
    last = [request for request in fleet.models.responses.requests if request.kind == "turn"][-1]
    told = "".join(text for role, text in last.history if role == "user")
    assert "another talk" in told
    assert "heron" in told
    assert session(fleet)["conversation"] == talk


def _persons_own(fleet: RealFleet, socket: str) -> None:
    """A person's own Codex, in carol's folder, with the home that all share, ready for input."""
    trusted = f'projects={{"{fleet.folder("carol")}"={{trust_level="trusted"}}}}'
    argv = [fleet.env["IAPEER_CODEX_BIN"], "--no-daemon", "-c", "check_for_update_on_startup=false", "-c", trusted]
    server = ["tmux", "-f", "/dev/null", "-S", socket, "new-session", "-d", "-x", "200", "-y", "50"]
    subprocess.run([*server, "-c", str(fleet.folder("carol")), *argv], env=fleet.env, check=True)
    wait_for(lambda: "fake-model" in _tmux(socket, "capture-pane", "-p"), "the person's Codex")


def _tmux(socket: str, *args: str) -> str:
    return subprocess.run(["tmux", "-S", socket, *args], capture_output=True, text=True, check=True).stdout


def _holders(fleet: RealFleet, ident: str) -> list[bool]:
    """Of each rollout that holds the message: whether it is carol's."""
    rollouts = (fleet.home / ".codex" / "sessions").rglob("*.jsonl")
    return sorted(session(fleet)["conversation"] in file.name for file in rollouts if ident in file.read_text())


def test_a_neighbours_rollout_proves_nothing(models: Models) -> None:
    """Same home, same folder, the very same text, written last: only what carol's own process holds open counts."""
    with real_fleet(models) as fleet:
        fleet.write_adapter("codex", "\ngap_ms = 50\n", "\ngap_ms = 5000\n")  # Enter comes when all is seen
        fleet.start()
        fleet.codex("carol")
        fleet.codex("dave")
        hello = [fleet.send(name, f"hello {name}")["id"] for name in ("carol", "dave")]
        for ident in hello:
            fleet.until(ident, "done")
        socket = str(fleet.base / "person.sock")
        _persons_own(fleet, socket)
        try:
            call = background(lambda: fleet.send("carol", "is it you?", wait="done"))
            sent = wait_for(lambda: fleet.events("typed", peer="carol")[1:], "the message to be typed")[0]["message"]
            (fleet.base / "text").write_text(wire(Envelope(sent, "operator", "shell", "natural", "is it you?")))
            _tmux(socket, "load-buffer", str(fleet.base / "text"))
            _tmux(socket, "paste-buffer", "-p", "-r")
            wait_for(lambda: "is it you?" in _tmux(socket, "capture-pane", "-p"), "the text in the person's composer")
            _tmux(socket, "send-keys", "Enter")
            wait_for(lambda: _holders(fleet, sent) == [False], "the same message in the person's rollout")
            fleet.call("GET", "/peers/carol/screen")  # served between two looks
            assert fleet.state(sent) == "leased"
        finally:
            _tmux(socket, "kill-server")
        assert call()["id"] == sent
        assert _holders(fleet, sent) == [False, True]
