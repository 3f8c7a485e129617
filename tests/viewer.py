"""A view that was made of a snapshot and follows the events after it, as docs/http-api.md says it may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from iapeer.model.names import split_identity
from iapeer.model.states import FINAL


@dataclass
class Viewer:
    """What the client of the API draws. `seq`: the last event that it knows of."""

    seq: int
    peers: dict[str, str] = field(default_factory=dict)  # name -> folder
    sessions: dict[str, str] = field(default_factory=dict)  # id -> identity
    messages: dict[str, tuple[str, str]] = field(default_factory=dict)  # id of a message -> (identity, state)
    counts: Counter[str] = field(default_factory=Counter)  # by state
    refreshed: set[str] = field(default_factory=set)  # identities

    @classmethod
    def of(cls, snapshot: Mapping[str, Any]) -> Viewer:
        """The view of a snapshot that leaves nothing out."""
        assert snapshot["more"] == 0
        runtimes = [runtime for peer in snapshot["peers"] for runtime in peer["runtimes"]]
        viewer = cls(
            snapshot["seq"],
            {peer["personality"]: peer["cwd"] for peer in snapshot["peers"]},
            {session["id"]: session["identity"] for session in snapshot["sessions"]},
            {row["message"]: (row["identity"], str(row["state"])) for row in snapshot["messages"]},
            Counter({str(state): count for state, count in snapshot["house"]["inbox"].items()}),
            {runtime["identity"] for runtime in runtimes if runtime["refresh"]},
        )
        for runtime in runtimes:
            assert runtime["held"] == viewer.held(runtime["identity"]), runtime
        return viewer

    def held(self, identity: str) -> int:
        """How many messages to an identity are held."""
        return sum(at == (identity, "held") for at in self.messages.values())

    def follow(self, event: Mapping[str, Any]) -> None:
        """One event of the stream: the next that there is."""
        assert event["seq"] > self.seq, (event, self.seq)
        self.seq = event["seq"]
        if event["message"] is not None and "to" in event:
            self._moved(event)
        elif (handler := getattr(self, f"_{event['ev']}", None)) is not None:
            handler(event)

    def _moved(self, event: Mapping[str, Any]) -> None:
        message, to = event["message"], event["to"]
        known = self.messages.pop(message, None)
        assert (known[1] if known is not None else None) == event["from"], event
        self.counts[to] += 1
        if known is not None:
            self.counts[known[1]] -= 1
        if to not in FINAL:
            self.messages[message] = event["identity"], to

    def _peer_added(self, event: Mapping[str, Any]) -> None:
        self.peers[event["personality"]] = event["folder"]

    def _peer_moved(self, event: Mapping[str, Any]) -> None:
        self.peers[event["personality"]] = event["to"]

    def _peer_removed(self, event: Mapping[str, Any]) -> None:
        del self.peers[event["personality"]]
        gone = {who for who in self.refreshed if split_identity(who)[1] == event["personality"]}
        self.refreshed -= gone

    def _session_opened(self, event: Mapping[str, Any]) -> None:
        assert event["session"] not in self.sessions
        self.sessions[event["session"]] = event["identity"]

    def _session_ended(self, event: Mapping[str, Any]) -> None:
        del self.sessions[event["session"]]

    def _marked(self, event: Mapping[str, Any]) -> None:
        if event["mark"] == "refresh":
            self.refreshed.add(event["identity"])

    def _unmarked(self, event: Mapping[str, Any]) -> None:
        if event["mark"] == "refresh":
            self.refreshed.remove(event["identity"])

    def check(self, snapshot: Mapping[str, Any]) -> None:
        """Both are the same view, once the same events are known."""
        fresh = Viewer.of(snapshot)
        assert (self.seq, +self.counts) == (fresh.seq, +fresh.counts)
        assert (self.peers, self.sessions) == (fresh.peers, fresh.sessions)
        assert (self.messages, self.refreshed) == (fresh.messages, fresh.refreshed)
