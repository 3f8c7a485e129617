"""The agent program of the made-up world: what fixtures/fake_agent.py does, as far as iapeer can tell.

It takes the same words in a message (`@@SLOW 3@@`) and writes the same files, so that one history fits both.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from iapeer.model.envelope import decode, spoken
from iapeer.runtimes.records import Key
from iapeer.testing.processes import FakeProcess

if TYPE_CHECKING:
    from tests.world.world import World

SCRIPT = re.compile(r"@@([A-Z]+)(?: ([^@\n]*))?@@")
RULE = "─" * 40
BOOT_S, TERM_S, NEVER_S = 0.3, 0.05, 1e9


@dataclass(eq=False)
class SimTurn:
    """What a submitted text became. `outcome` is None while it goes on; `recorded`: its record is on disk."""

    key: Key | None
    body: str
    outcome: str | None = None
    said: str = ""
    recorded: bool = False


class SimAgent:
    """One launch of the program. `omen` is what befalls it: dies | hangs | slow | asks | swallows | stubborn."""

    def __init__(self, world: World, process: FakeProcess, argv: Sequence[str], omen: str) -> None:
        self.world, self.process, self.omen = world, process, omen
        env = process.env
        self.identity, self.session = env["PEER_IDENTITY"], env["IAPEER_SESSION"]
        self.resumed = "--resume" in argv
        self.conversation = argv[argv.index("--resume" if self.resumed else "--session-id") + 1]
        self.has_state = env["PEER_RUNTIME"] == "fake"
        self.code: int | None = None
        self.fatal: int | None = None
        self.composer: str | None = None  # None: not there yet
        self.dialog: str | None = None
        self.typed: list[str] = []
        self.taken_out: list[str] = []
        self.turns: list[SimTurn] = []
        self.turn: SimTurn | None = None
        self.shell_until = 0.0
        self.changed: Callable[[], None] = lambda: None
        self._swallow = 2 if omen == "swallows" else 0
        self._script: Iterator[bool] = iter(())
        self._failure: str | None = None
        self._tool: FakeProcess | None = None
        self._unwritten: list[bytes] = []
        self._transcript = world.home / "conversations" / f"{self.conversation}.jsonl"
        self._state = world.home / "state" / f"{process.pid}.json"
        process.asked, process.killed = self._asked, self.killed
        self._check_no_other()
        boot = {"hangs": NEVER_S, "slow": 30.0}.get(omen, BOOT_S)
        world.timeline.after(boot, self._up)

    def _check_no_other(self) -> None:
        """The first promise: never two sessions of one identity, not even what an earlier one left behind."""
        others = [agent for agent in self.world.live(self.identity) if agent is not self]
        assert not others, f"{self.identity} is launched while {others[0].session} lives"
        sessions = {agent.session for agent in self.world.agents if agent.identity == self.identity}
        orphans = [process for process in self.world.processes.living() if process.session in sessions]
        assert not orphans, f"{self.identity} is launched beside what {orphans[0].session} has left behind"

    @property
    def tells(self) -> bool:
        """Whether a turn that a person begins can be known of at once: by its live state, or its record."""
        return self.has_state or not self.world.lag

    # ---- its start and its end

    def _up(self) -> None:
        if not self.process.alive:
            return
        if self.omen == "dies":
            self.exit(3)
        elif self.resumed and not self._transcript.exists():
            self.exit(1)
        elif self.omen == "asks":
            self.dialog = "start"
            self._show()
        else:
            self._begin()

    def _begin(self) -> None:
        self.dialog, self.composer = None, ""
        self._show()

    def _asked(self, number: signal.Signals) -> None:
        """SIGTERM or SIGHUP: it puts things in order and goes, unless it does not listen."""
        if self.omen != "stubborn":
            self.world.timeline.after(TERM_S, lambda: self.exit(128 + number))

    def hung_up(self) -> None:
        """Its terminal is gone."""
        if self.process.alive:
            self._asked(signal.SIGHUP)

    def exit(self, code: int) -> None:
        """A clean end."""
        if self.process.alive:
            self.code = code
            if self._tool is not None:
                self._tool.die()
            self._flush()
            self._gone()
            self._state.unlink(missing_ok=True)
            self.world.wrote(self._state)

    def killed(self) -> None:
        """kill -9: what was not yet written never is, and its tools live on."""
        if self.process.alive:
            self.fatal = int(signal.SIGKILL)
            self._unwritten.clear()
            self._gone()

    def _gone(self) -> None:
        if self.turn is not None:
            self.turn.outcome = "died"
        self.turn = None
        self.process.die()
        self.changed()

    # ---- keys

    def paste(self, text: str) -> None:
        """A bracketed paste; a dialog drops it."""
        if self.composer is not None and self.dialog is None:
            self.typed.append(text)
            self.composer += text
            self._show()

    def press(self, key: str) -> None:
        """One key."""
        if self.dialog is not None:
            self._answer(key)
        elif key == "Escape" and self.turn is not None:
            self._over("interrupted")
        elif key == "C-u":
            self.composer = ""
        elif key == "Enter" and self.composer:
            if self._swallow:
                self._swallow -= 1
            else:
                text, self.composer = self.composer, ""
                self._submit(text)
        self._show()

    def _answer(self, key: str) -> None:
        if key not in ("Enter", "Escape"):
            return
        at_start, self.dialog = self.dialog == "start", None
        if at_start:
            self._begin()
        elif key == "Enter":
            self._record("approved")
            self._advance()
        else:
            self._record("rejected")
            self._over("interrupted")

    def _submit(self, text: str) -> None:
        assert self.turn is None, f"Enter was pressed while {self.identity} worked"
        if text == "/compact":
            self._record("compact")
            return
        envelope = decode(text)
        self.turn = SimTurn((envelope.id, envelope.attempt) if envelope else None, envelope.body if envelope else text)
        self.turn.said = f"ECHO: {self.turn.body}"
        self.turns.append(self.turn)
        self._record("user", text=text)
        self._failure = None
        self._script = self._words(self.turn.body)
        self._advance()

    # ---- turns

    def _words(self, body: str) -> Iterator[bool]:
        """Acts on one word after the other; True: it has to wait for something."""
        after, me = self.world.timeline.after, self.turn
        go_on: Callable[[], None] = lambda: self._advance(me)  # noqa: E731
        for word, argument in SCRIPT.findall(body):
            match word:
                case "SAY" if self.turn is not None:
                    self.turn.said = argument
                case "SLOW":
                    after(float(argument), go_on)
                    yield True
                case "BG":
                    self.shell_until = self.world.timeline.now + float(argument)
                    after(float(argument), self._show)
                case "TOOL":  # sleep SECONDS
                    seconds = float(argument.removeprefix("sleep "))
                    self._tool = self.world.processes.spawn(self.process.env, self.process.pid, "sleep")
                    after(seconds, self._tool.die)
                    after(seconds, go_on)
                    yield True
                case "DIALOG":
                    self.dialog = "permission"
                    yield True
                case "ERROR":
                    self._failure = argument
                    return
                case "EXIT":
                    self.exit(int(argument))
                    return
                case "CRASH":
                    self.killed()
                    return

    def _advance(self, turn: SimTurn | None = None) -> None:
        if self.turn is None or turn not in (None, self.turn):
            return
        waits = next(self._script, None)
        if self.turn is None or not self.process.alive:
            return
        if waits is None:
            self._over("error" if self._failure else "done")
        self._show()

    def _over(self, outcome: str) -> None:
        turn, self.turn = self.turn, None
        assert turn is not None
        turn.outcome = outcome
        if self._tool is not None and outcome == "interrupted":
            self._tool.die()
        if outcome == "done":
            self._record("assistant", text=turn.said)
            self._record("turn_end")
        elif outcome == "error":
            self._record("error", error="api", text=self._failure)
        else:
            self._record("interrupted")

    # ---- what it shows

    def _record(self, kind: str, **fields: object) -> None:
        stamp = datetime.fromtimestamp(self.world.clock.wall(), UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"type": kind, "timestamp": stamp, **fields}, ensure_ascii=False) + "\n"
        self._unwritten.append(line.encode())
        if self.world.lag:
            self.world.timeline.after(self.world.lag, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        if self._unwritten:
            self._transcript.parent.mkdir(parents=True, exist_ok=True)
            with self._transcript.open("ab") as file:
                file.write(b"".join(self._unwritten))
            self._unwritten.clear()
            for turn in self.turns:
                turn.recorded = True
            self.world.wrote(self._transcript)

    def _show(self) -> None:
        """Draw, and write the live state."""
        if not self.process.alive:
            return
        if self.has_state and self.composer is not None:
            working = self.turn is not None
            at_rest = "shell" if self.shell_until > self.world.timeline.now else "idle"
            values: dict[str, object] = {
                "conversation": self.conversation, "procStart": str(int(self.process.mark)),
                "status": "waiting" if self.dialog else "busy" if working else at_rest,
                "updatedMs": int(self.world.clock.wall() * 1000),
            }  # fmt: skip
            if self.dialog:
                values["waitingFor"] = "permission prompt"
            self._write_state(values)
        self.changed()

    def _write_state(self, values: Mapping[str, object]) -> None:
        self._state.parent.mkdir(parents=True, exist_ok=True)
        self._state.write_text(json.dumps(values))
        self.world.wrote(self._state)

    def screen(self) -> str:
        """What its pane shows."""
        if self.composer is None and self.dialog is None:
            return "Starting…" if self.process.alive else "fatal: cannot start"
        if self.dialog is not None:
            choices = ["", " ❯ 1. Yes", "   2. No", ""]
            question = [" Do you want to proceed?"] if self.dialog == "permission" else [" Erase your settings?"]
            end = " Esc to cancel" if self.dialog == "permission" else " Enter to select"
            return "\n".join([RULE, *question, *choices, end])
        held = self.composer or ""
        message = decode(held)
        own, brought = spoken(held, message.sender) if message else (held, "")
        shown = f"{own}[Pasted text #1 +9 lines]" if brought else own
        above = ["✶ Roosting… (1s)"] if self.turn is not None else []
        return "\n".join([*above, RULE, f"❯\xa0{shown}", RULE, "  ? for shortcuts"])
