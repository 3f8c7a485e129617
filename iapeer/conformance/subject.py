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
from iapeer.conformance.hearing import Ears, ModelServer, OwnRecord, heard
from iapeer.conformance.outcome import Broken, Missing, expect, needs
from iapeer.demo.sandbox import Sandbox
from iapeer.model.envelope import Envelope
from iapeer.model.errors import PeerError, TimedOut
from iapeer.model.sanitise import sanitise
from iapeer.model.states import FINAL, State
from iapeer.runtimes.adapter import Adapter, Check, CheckHome
from iapeer.runtimes.binary import Program
from iapeer.sessions.launchplan import fill, home_of

Json = dict[str, Any]
_STEP_S = 0.05
_ENDS = {str(state) for state in FINAL} | {str(State.STRANDED)}


@dataclass
class Subject:
    """The peer under check. `patience` is how long any one step may take, in seconds; `env` what its program gets."""

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
    def ears(self) -> Ears:
        """What the model was sent, or what the agent wrote down."""
        return self.server or self.own

    @property
    def folder(self) -> Path:
        return self.sandbox.base / self.name

    @property
    def mark(self) -> Path:
        """A file that no check may bring about."""
        return self.sandbox.base / "MARK"

    # ---- its life

    def create(self) -> None:
        """Make the folder a peer of this runtime."""
        call("POST", "/peers", {"dir": str(self.folder), "runtime": self.adapter.name, "trust": True})

    def start(self) -> None:
        """A fresh session, ready for input."""
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
        """Its runtime's entry: status, activity, pid, ..."""
        return dict(call("GET", url("peers", self.name))["peer"]["runtimes"][0])

    def session(self) -> Json:
        """Its last session."""
        return dict(call("GET", url("peers", self.name))["last_session"] or {})

    def screen(self) -> str:
        """What its pane shows."""
        return str(call("GET", url("peers", self.name, "screen"), timeout=10)["text"])

    def last_line(self) -> str:
        """The last line of what its pane shows."""
        lines = [line.strip() for line in self.screen().splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def idle(self) -> None:
        """Wait until it is."""
        self.wait("idle")

    def wait(self, state: str) -> None:
        """Wait until it is idle, asleep or live."""
        query = {"state": state, "timeout_s": self.patience}
        call("GET", url("peers", self.name, "wait"), query=query, timeout=self.patience + 10)

    def busy(self) -> None:
        """Wait until it is in a turn."""
        self.until(lambda: self.entry()["activity"] == "busy", "busy", lambda: str(self.entry()["activity"]))

    def until(self, holds: Callable[[], bool], what: str, instead: Callable[[], str]) -> None:
        """Wait for it; Broken with what is the case instead."""
        deadline = time.monotonic() + self.patience
        while not holds():
            if time.monotonic() > deadline:
                raise Broken(f"not {what} within {self.patience:g} s, but {instead()}")
            time.sleep(_STEP_S)

    def events(self, *kinds: str) -> list[Json]:
        """All its events of these kinds."""
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
        """Its row once it is final. Broken when it is stranded, or takes too long."""
        self.until(lambda: self._row(ident)["state"] in _ENDS, "over", lambda: _why(self._row(ident)))
        row = self._row(ident)
        expect(row["state"] != State.STRANDED, f"stranded: {row['reason']}")
        return row

    def done(self, ident: str) -> None:
        """Wait for its end, which must be a good one."""
        row = self.final(ident)
        expect(row["state"] == State.DONE, f"the turn did not end done, but {_why(row)}")

    def steps(self, ident: str) -> dict[str, int]:
        """When each step of a message happened, by its name, in milliseconds."""
        return {event["ev"]: event["ts"] for event in self.message(ident)["events"]}

    def _row(self, ident: str) -> Json:
        return dict(self.message(ident)["row"])

    # ---- the far end

    def deliver(self, body: str, **more: Any) -> str:
        """Send a body and see that just this arrives, as one turn, and that the turn ends; the message's id."""
        return self.receive(body, lambda: str(self.send(body, **more)["id"]))

    def receive(self, body: str, send: Callable[[], str]) -> str:
        """The same of a body that is sent in another way."""
        before = len(self.ears.turns())
        ident = send()
        self.done(ident)
        arrived = heard(self.ears)[before:]
        expect(len(arrived) == 1, f"it became {len(arrived)} turns")
        self.same(arrived[0], ident, body)
        return ident

    def same(self, envelope: Envelope | None, ident: str, body: str) -> None:
        """The turn is this message, and its body is what the adapter says becomes of it."""
        expect(envelope is not None, "what arrived is no message")
        assert envelope is not None
        expect(envelope.id == ident, "another message arrived")
        wanted = self.as_declared(body)
        expect(envelope.body == wanted, _difference(envelope.body, wanted))

    def as_declared(self, body: str) -> str:
        """What is to arrive of a body."""
        text = sanitise(body).text
        for old, new in self.adapter.typing.transforms:
            text = text.replace(old, new)
        form = self.adapter.typing.normalises
        return unicodedata.normalize(form, text) if form else text

    def words(self, pattern: str | None, where: str, **values: object) -> str:
        """A scripted body of the [check] table, with its values."""
        names = {"mark": str(self.mark), **{name: str(value) for name, value in values.items()}}
        return fill(needs(pattern, where), names)


def settled(act: Callable[[], object], subject: Subject) -> None:
    """Do it; where that takes too long, say what the peer is blocked on, or how its screen ends."""
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
    at = next((at for at, (one, other) in enumerate(zip(got, wanted, strict=False)) if one != other), None)
    at = min(len(got), len(wanted)) if at is None else at
    return f"from character {at + 1} on {got[at : at + 20]!r} arrived, not {wanted[at : at + 20]!r}"
