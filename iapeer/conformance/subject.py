"""One peer on the checked program, as its user has it: everything goes through the daemon's API."""

from __future__ import annotations

import contextlib
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iapeer.client.call import call, url
from iapeer.conformance.outcome import Broken, Missing, expect, needs
from iapeer.conformance.witness import ModelServer, OwnRecord, Witness, messages_of
from iapeer.demo.sandbox import Sandbox
from iapeer.model.envelope import Envelope
from iapeer.model.errors import PeerError, TimedOut
from iapeer.model.sanitise import sanitise
from iapeer.model.states import FINAL, State
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import Program
from iapeer.runtimes.checktables import Check, CheckHome
from iapeer.sessions.launchplan import fill, home_of

Json = dict[str, Any]
_STEP_S = 0.05
_ENDS = {str(state) for state in FINAL} | {str(State.STRANDED)}


@dataclass
class Subject:
    """The peer under check. `patience` bounds any one step, in seconds; `env` is what its program gets."""

    sandbox: Sandbox
    adapter: Adapter
    check: Check
    program: Program
    patience: float
    env: dict[str, str]
    server: ModelServer | None = None
    name: str = "alice"
    another: Callable[[str, CheckHome], Subject] | None = None  # a peer of that name, in a home that differs so
    own: OwnRecord = field(init=False)

    def __post_init__(self) -> None:
        self.own = OwnRecord(self.adapter, lambda: home_of(self.adapter, self.env))
        self.folder.mkdir(exist_ok=True)

    @property
    def witness(self) -> Witness:
        """The far end's witness: the model server, or else the agent's own record."""
        return self.server or self.own

    @property
    def folder(self) -> Path:
        return self.sandbox.base / self.name

    @property
    def mark(self) -> Path:
        """The path of a file that no case may bring about."""
        return self.sandbox.base / "MARK"

    # ---- its life

    def create(self) -> None:
        """Make the folder a peer of this runtime."""
        call("POST", "/peers", {"dir": str(self.folder), "runtime": self.adapter.name, "trust": True})

    def start(self) -> None:
        """Begin a fresh session, and wait until it is ready for input."""
        self.do("start")

    def forget(self) -> None:
        """End it and drop its messages."""
        call("DELETE", url("peers", self.name), query={"force": "1"}, timeout=self.patience)

    def do(self, verb: str, body: Json | None = None) -> Json:
        """POST /peers/NAME/VERB."""
        return call("POST", url("peers", self.name, verb), body or {}, timeout=self.patience)

    @contextlib.contextmanager
    def beside(self, name: str, home: CheckHome | None = None) -> Iterator[Subject]:
        """Have another peer of this runtime, not started yet, in a home of its own; it is gone afterwards."""
        if self.another is None:
            raise Missing("there is no home for a second peer")
        peer = self.another(name, home or CheckHome(name=name))
        peer.create()
        try:
            yield peer
        finally:
            with contextlib.suppress(PeerError):
                peer.forget()

    def entry(self) -> Json:
        """Ask for its runtime's entry: status, activity, pid, ..."""
        return dict(call("GET", url("peers", self.name))["peer"]["runtimes"][0])

    def session(self) -> Json:
        """Ask for its last session."""
        return dict(call("GET", url("peers", self.name))["last_session"] or {})

    def screen(self) -> str:
        """Read what its pane shows."""
        return str(call("GET", url("peers", self.name, "screen"), timeout=10)["text"])

    def last_line(self) -> str:
        """Read the last line of what its pane shows."""
        lines = [line.strip() for line in self.screen().splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def idle(self) -> None:
        """Wait until it is idle."""
        self.wait("idle")

    def wait(self, state: str) -> None:
        """Wait until it is idle, asleep or live."""
        query = {"state": state, "timeout_s": self.patience}
        call("GET", url("peers", self.name, "wait"), query=query, timeout=self.patience + 10)

    def busy(self) -> None:
        """Wait until it is in a turn."""
        self.until(lambda: self.entry()["activity"] == "busy", "busy", lambda: str(self.entry()["activity"]))

    def until(self, holds: Callable[[], bool], what: str, instead: Callable[[], str]) -> None:
        """Wait until `holds`; Broken with what is the case instead."""
        deadline = time.monotonic() + self.patience
        while not holds():
            if time.monotonic() > deadline:
                raise Broken(f"not {what} within {self.patience:g} s, but {instead()}")
            time.sleep(_STEP_S)

    def events(self, *kinds: str) -> list[Json]:
        """List all its events of these kinds."""
        query = {"peer": self.name, "kind": ",".join(kinds), "limit": 1000}
        return list(call("GET", "/events", query=query)["events"])

    # ---- messages

    def send(self, body: str, **more: Any) -> Json:
        """POST /send."""
        wish = {"to": self.name, "body": body, "timeout_s": self.patience, **more}
        return call("POST", "/send", wish, timeout=self.patience + 15)

    def send_proven(self, body: str) -> str:
        """Send and wait for the proof that it is in a turn; its id."""
        return str(self.send(body, wait="delivered")["id"])

    def message(self, ident: str) -> Json:
        """GET /messages/ID."""
        return call("GET", url("messages", ident))

    def final(self, ident: str) -> Json:
        """Wait until its row is final, and return it. Broken when it is stranded, or takes too long."""
        self.until(lambda: self._row(ident)["state"] in _ENDS, "over", lambda: _why(self._row(ident)))
        row = self._row(ident)
        expect(row["state"] != State.STRANDED, f"stranded: {row['reason']}")
        return row

    def done(self, ident: str) -> None:
        """Wait for its end, which must be a good one."""
        row = self.final(ident)
        expect(row["state"] == State.DONE, f"the turn did not end done, but {_why(row)}")

    def steps(self, ident: str) -> dict[str, int]:
        """Read when each step of a message happened, by its name, in milliseconds since 1970."""
        return {event["ev"]: event["ts"] for event in self.message(ident)["events"]}

    def _row(self, ident: str) -> Json:
        return dict(self.message(ident)["row"])

    # ---- the far end

    def deliver(self, body: str, **more: Any) -> str:
        """Send a body and see that just this arrives, as one turn, and that the turn ends; the message's id."""
        return self.receive(body, lambda: str(self.send(body, **more)["id"]))

    def receive(self, body: str, send: Callable[[], str]) -> str:
        """Do the same with a body that `send` sends in another way."""
        before = len(self.witness.turns())
        ident = send()
        self.done(ident)
        arrived = messages_of(self.witness)[before:]
        expect(len(arrived) == 1, f"it became {len(arrived)} turns")
        self.same(arrived[0], ident, body)
        return ident

    def same(self, envelope: Envelope | None, ident: str, body: str) -> None:
        """Expect the turn to be this message, and its body what the adapter says becomes of it."""
        expect(envelope is not None, "what arrived is no message")
        assert envelope is not None
        expect(envelope.id == ident, "another message arrived")
        wanted = self.as_declared(body)
        expect(envelope.body == wanted, _difference(envelope.body, wanted))

    def as_declared(self, body: str) -> str:
        """Work out what is to arrive of a body."""
        text = sanitise(body).text
        for old, new in self.adapter.typing.transforms:
            text = text.replace(old, new)
        form = self.adapter.typing.normalises
        return unicodedata.normalize(form, text) if form else text

    def words(self, pattern: str | None, where: str, **values: object) -> str:
        """Fill in a scripted body of the [check] table; Missing where the adapter has none."""
        names = {"mark": str(self.mark), **{name: str(value) for name, value in values.items()}}
        return fill(needs(pattern, where), names)


def settled(act: Callable[[], object], subject: Subject) -> None:
    """Do `act`; where that takes too long, say what the peer is blocked on, or how its screen ends."""
    try:
        act()
    except TimedOut as error:
        blocked = subject.entry()["blocked_on"]
        why = f"blocked on {blocked['reason']}" if blocked else "the screen's last line is"
        raise Broken(f"not ready within {subject.patience:g} s: {why} '{subject.last_line()}'") from error


def _why(row: Json) -> str:
    words = row["error"] or row["reason"]
    return f"{row['state']}: {words}" if words else str(row["state"])


def _difference(got: str, wanted: str) -> str:
    if len(got) > len(wanted) and wanted in got:
        return f"{len(got) - len(wanted)} characters more arrived"
    at = next((at for at, pair in enumerate(zip(got, wanted, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(got), len(wanted)) if at is None else at
    return f"from character {at + 1} on {got[at : at + 20]!r} arrived, not {wanted[at : at + 20]!r}"
