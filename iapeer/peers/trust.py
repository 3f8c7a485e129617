"""Consent kept and compared: what the operator confirmed, from the store, against what files and folders say now."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from iapeer.model.errors import PeerError, Refused
from iapeer.model.names import unknown
from iapeer.peers.consent import (
    ADAPTER,
    ADOPTED,
    FIELDS,
    INITIAL_PROMPT,
    PROGRAM,
    TOLD,
    Basis,
    Difference,
    Proposal,
    Terms,
    adopted,
    brief,
    differences,
    digest,
    kept_field,
    kept_launch,
    launch_problem,
    terms_of,
)
from iapeer.peers.launchenv import LaunchEnv, read_launch_env
from iapeer.peers.profile import FOLDER, Profile, check_initial_prompt
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import find_binary
from iapeer.runtimes.load import Catalogue, parse_adapter
from iapeer.store import ALL_PEERS, ALL_RUNTIMES, Consent, Store


def confirmed_adapter(store: Store, runtime: str) -> str | None:
    """Get the confirmed text of a user's own adapter; None: it was never confirmed."""
    return store.consents.get(ALL_PEERS, runtime, ADAPTER)


def confirmed_program(store: Store, runtime: str) -> str | None:
    """Get the confirmed path of a runtime's program; None: it was never confirmed."""
    return store.consents.get(ALL_PEERS, runtime, PROGRAM)


@dataclass
class Looked:
    """What is read once for many peers. `names`: of all runtimes; None: not read yet. By runtime: `bases` as files say
    and as they are `confirmed`.
    """

    names: list[str] | None = None
    bases: dict[str, Basis] = field(default_factory=dict)
    confirmed: dict[str, Basis] = field(default_factory=dict)


class Trust:
    """What is confirmed in one root. A launch goes by it; only the operator's commands change it."""

    def __init__(self, store: Store, catalogue: Catalogue, env: Mapping[str, str]) -> None:
        self._store = store
        self._catalogue = catalogue
        self._env = env

    def terms(self, personality: str) -> Terms:
        """What is confirmed of a peer. One read."""
        return terms_of(self._store.consents.of(personality))

    # ---- what differs

    def proposal(self, folder: Path, written: Profile, looked: Looked | None = None) -> Proposal:
        """Read what the files of a peer say now. `looked` keeps what many peers share, for one look at all of them."""
        looked = looked if looked is not None else Looked()
        bases = {runtime: self._basis_once(runtime, looked) for runtime in written.runtimes}
        launches = {runtime: _written_launch(folder, runtime) for runtime in written.runtimes}
        return Proposal(written, launches, bases)

    def _basis_once(self, runtime: str, looked: Looked) -> Basis:
        if runtime not in looked.bases:
            looked.bases[runtime] = self._basis(runtime, looked)
        return looked.bases[runtime]

    def _basis(self, runtime: str, looked: Looked) -> Basis:
        """Read the user's own adapter as its file is, and find the program by it."""
        try:
            if looked.names is None:
                looked.names = self._catalogue.names()
            if runtime not in looked.names:
                return Basis(problem=unknown("runtime", runtime, looked.names))
            proposed = self._catalogue.proposed(runtime)
        except PeerError as error:
            return Basis(problem=error)
        if proposed is None:
            return Basis(program=self._program(lambda: self._catalogue.get(runtime).adapter))
        path, text = proposed
        return Basis(text, self._program(lambda: parse_adapter(path, text)), str(path))

    def _program(self, adapter: Callable[[], Adapter]) -> str | None:
        """Find the path of the program; None: it is nowhere."""
        try:
            return find_binary(adapter(), self._env)
        except PeerError:
            return None

    def differences(self, proposal: Proposal, terms: Terms, looked: Looked | None = None) -> list[Difference]:
        """Compare what the files of a peer say with what was confirmed. `looked`: see `proposal`."""
        confirmed = looked.confirmed if looked is not None else {}
        for runtime in proposal.bases.keys() - confirmed.keys():
            confirmed[runtime] = Basis(confirmed_adapter(self._store, runtime), confirmed_program(self._store, runtime))
        return differences(proposal, terms, confirmed)

    def unseen(self, terms: Terms) -> list[Difference]:
        """List what counts only because an earlier version had it so: no operator has looked at it since."""
        return self._adopted(terms) if terms.unseen else []

    def _adopted(self, terms: Terms) -> list[Difference]:
        own = (name for name in terms.launches if confirmed_adapter(self._store, name) is not None)
        return adopted(terms, [name for name in own if self._catalogue.has_bundled(name)])

    def tell_once(self, personality: str, identity: str, runtime: str, differing: Iterable[Difference]) -> None:
        """Tell by the event `unconfirmed` how a launch differs from the peer's files, once for each difference."""
        of_launch = [difference for difference in differing if difference.runtime in (None, runtime)]
        word = digest([difference.text for difference in of_launch])
        if not of_launch or self._store.consents.get(personality, runtime, TOLD) == word:
            return
        with self._store.together():
            self._store.consents.put(personality, {(runtime, TOLD): word})
            what = ", ".join(brief(of_launch))
            self._store.events.append("unconfirmed", personality=personality, identity=identity, what=what)

    # ---- what the operator says

    def confirm(
        self, personality: str, proposal: Proposal, cause: str, unseen: Sequence[Difference] = ()
    ) -> list[Difference]:
        """Confirm all that the peer's files say, in one transaction with `trusted`; returns what was another before.

        `unseen`: what the operator was shown besides, and now has seen.
        Refused, and nothing is taken, where something cannot be read or is over a limit.
        """
        of_peer, of_runtimes = _taken(proposal)
        new = [*self.differences(proposal, self.terms(personality)), *unseen]
        with self._store.together():
            self._store.consents.put(personality, of_peer)
            self._store.consents.put(ALL_PEERS, of_runtimes)
            self._store.consents.drop(personality, TOLD)
            if unseen:
                self._store.consents.drop(personality, ADOPTED)
            if new:
                what = ", ".join(brief(new))
                self._store.events.append("trusted", personality=personality, what=what, cause=cause)
        return new

    def confirm_fields(self, personality: str, fields: Mapping[str, str | None]) -> None:
        """Confirm the fields of a profile that the operator has set; those that need no consent are passed over."""
        of_peer: dict[Consent, str] = {}
        for name in FIELDS:
            if name in fields:
                of_peer |= kept_field(name, fields[name])
        self._store.consents.put(personality, of_peer)

    def confirm_runtime(self, personality: str, runtime: str, *, named: bool) -> None:
        """Let a peer run in a program, with no settings of its own; what was confirmed of them before stays.

        `named`: the operator named the runtime. Then a user's own adapter for it that was never confirmed counts from
        now on, unless it would take the place of a bundled one: nobody who names that one asks for another.
        """
        if runtime not in self.terms(personality).launches:
            self._store.consents.put(personality, kept_launch(runtime, LaunchEnv()))
        proposed = self._catalogue.proposed(runtime)
        fresh = confirmed_adapter(self._store, runtime) is None and not self._catalogue.has_bundled(runtime)
        if named and fresh and proposed is not None:
            self._store.consents.put(ALL_PEERS, {(runtime, ADAPTER): proposed[1]})
        self.note_program(runtime)

    def note_program(self, runtime: str) -> None:
        """Confirm the path at which a runtime's program is found, if none was confirmed yet."""
        if confirmed_program(self._store, runtime) is None:
            program = self._program(lambda: self._catalogue.get(runtime).adapter)
            self._store.consents.put(ALL_PEERS, {(runtime, PROGRAM): program} if program is not None else {})

    def adopt(self, personality: str, proposal: Proposal) -> None:
        """Take what is there of a peer that was made when nothing had to be confirmed; what cannot be read is not.

        What is dangerous of it is marked as unseen, until the operator confirms it.
        """
        try:
            self.confirm(personality, proposal, "adopted")
        except PeerError:
            sound = {name: launch for name, launch in proposal.launches.items() if isinstance(launch, LaunchEnv)}
            bases = {name: basis for name, basis in proposal.bases.items() if basis.problem is None}
            profile = proposal.profile.model_copy(update={INITIAL_PROMPT: ""})
            self.confirm(personality, Proposal(profile, sound, bases), "adopted")
        if self._adopted(self.terms(personality)):
            self._store.consents.put(personality, {(ALL_RUNTIMES, ADOPTED): ""})


def check_shown(personality: str, proposal: Proposal) -> None:
    """Raise Refused for a launch.env that is too long to be looked at. Older versions' consent had no limit."""
    for runtime, launch in proposal.launches.items():
        problem = launch_problem(launch) if isinstance(launch, LaunchEnv) else None
        if problem is not None:
            raise Refused(f"The launch.env of {personality} for {runtime} is too long: {problem}.", code="too-long")


def _taken(proposal: Proposal) -> tuple[dict[Consent, str], dict[Consent, str]]:
    """Write a proposal as consents: (of the peer, of its runtimes). PeerError when it cannot be confirmed as it is."""
    check_initial_prompt(proposal.profile.initial_prompt)
    of_peer: dict[Consent, str] = {}
    of_runtimes: dict[Consent, str] = {}
    for name in FIELDS:
        of_peer |= kept_field(name, getattr(proposal.profile, name))
    for runtime, launch in proposal.launches.items():
        if isinstance(launch, PeerError):
            raise launch
        of_peer |= kept_launch(runtime, launch)
    for runtime, basis in proposal.bases.items():
        if basis.problem is not None:
            raise basis.problem
        of_runtimes |= {(runtime, ADAPTER): basis.adapter} if basis.adapter is not None else {}
        of_runtimes |= {(runtime, PROGRAM): basis.program} if basis.program is not None else {}
    return of_peer, of_runtimes


def settings_of(personality: str, runtime: str, terms: Terms) -> LaunchEnv:
    """Get the confirmed launch settings; Refused when the peer was never let run in this program."""
    launch = terms.launches.get(runtime)
    if launch is None:
        raise Refused(
            f"That {personality} may run in {runtime} was not confirmed: `iapeer trust {personality}` does it.",
            code="unconfirmed",
        )
    return launch


def _written_launch(folder: Path, runtime: str) -> LaunchEnv | PeerError:
    """Read a launch.env, again only when the file changed: every list asks this of every peer."""
    path = f"{folder}/{FOLDER}/runtimes/{runtime}/launch.env"
    try:
        info = os.stat(path)  # noqa: PTH116
    except OSError:
        return _read_launch(folder, runtime)
    return _unchanged(folder, runtime, info.st_ino, info.st_mtime_ns, info.st_ctime_ns, info.st_size)


@functools.lru_cache(maxsize=16_384)
def _unchanged(folder: Path, runtime: str, *_stamp: int) -> LaunchEnv | PeerError:
    return _read_launch(folder, runtime)


def _read_launch(folder: Path, runtime: str) -> LaunchEnv | PeerError:
    try:
        return read_launch_env(folder, runtime)
    except PeerError as error:
        return error
