"""What every session needs of the house, handed down from where the daemon is put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from iapeer.model.clock import Clock
from iapeer.model.names import split_identity
from iapeer.model.timing import TIMING, Timing
from iapeer.paths.layout import Layout
from iapeer.peers.registry import RegisteredPeer
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import Probe
from iapeer.runtimes.load import Catalogue
from iapeer.sessions.filewatch import FileWatch
from iapeer.sessions.machine import Machine
from iapeer.store import SessionRecord, Store
from iapeer.tmux import panelog


@dataclass(frozen=True)
class Context:
    """What every session needs of the house."""

    layout: Layout
    store: Store
    catalogue: Catalogue
    probe: Probe
    machine: Machine
    env: Mapping[str, str]
    mcp_url: Callable[[], str]
    certificate: str  # PEM, of the server at mcp_url
    peers: Callable[[], list[RegisteredPeer]]  # everybody there is, for a session to know of
    on_launch: Callable[[RegisteredPeer, str], None] = lambda *_: None  # before a peer is started in a runtime
    pane_log_bytes: int = panelog.LOG_BYTES
    port: str | None = None  # the mark of the port at mcp_url, and of its certificate
    timing: Timing = TIMING
    warned: set[tuple[str, str | None]] = field(default_factory=set)  # (runtime, version) that was warned of
    clock: Clock = field(init=False)  # the machine's

    def __post_init__(self) -> None:
        object.__setattr__(self, "clock", self.machine.clock)

    @property
    def files(self) -> FileWatch:
        """The machine's."""
        return self.machine.files

    def now_ms(self) -> int:
        """Wall time in milliseconds."""
        return int(self.clock.wall() * 1000)

    def adapter_of(self, session: SessionRecord) -> Adapter:
        """The adapter of the version that this session was launched with, whatever is installed now."""
        return self.catalogue.get(split_identity(session.identity)[0]).adapter.for_version(session.version)
