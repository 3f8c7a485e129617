"""The registry: which peers there are, made, changed, moved and unmade."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iapeer.model.errors import Failed, PeerError, Refused, Usage
from iapeer.model.names import (
    PERMISSION_MODES,
    check_personality,
    check_runtime,
    identity,
    split_identity,
    unknown,
)
from iapeer.paths.layout import Layout
from iapeer.peers.consent import Difference, Proposal, Terms, effective, terms_of
from iapeer.peers.naming import Naming, suggestion
from iapeer.peers.profile import (
    BUILT_POLICIES,
    MAX_DESCRIPTION,
    POLICIES,
    Profile,
    change_profile,
    check_initial_prompt,
    profile_path,
    read_profile,
    write_profile,
)
from iapeer.peers.trust import Looked, Trust, check_shown
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import find_binary
from iapeer.runtimes.load import Catalogue
from iapeer.store import ADOPT, Consent, Peer, Row, Store

_FIXED = {
    "personality": "a peer keeps its name; rename the folder and make a new peer",
    "runtimes": "use `iapeer runtime-add`",
}
CHANGEABLE = tuple(name for name in Profile.model_fields if name not in _FIXED)


@dataclass(frozen=True)
class RegisteredPeer:
    """A registered peer: where it is, and its profile as it counts now (None: see `problem`).

    That is what its file says, but for its name, which is the registry's, and for what only counts as it was confirmed:
    `terms`. `written` is the file's own word (None: it cannot be read).
    """

    record: Peer
    profile: Profile | None
    problem: PeerError | None = None
    written: Profile | None = None
    terms: Terms = field(default_factory=Terms)

    @property
    def personality(self) -> str:
        return self.record.personality

    @property
    def folder(self) -> Path:
        return Path(self.record.folder)

    def sound(self) -> Profile:
        """Return the profile; PeerError saying what keeps it from being read."""
        if self.profile is None:
            raise self.problem or Failed(f"The profile of {self.personality} cannot be read.")
        return self.profile


class Registry:
    """All peers of a root."""

    def __init__(self, store: Store, layout: Layout, catalogue: Catalogue, env: Mapping[str, str]) -> None:
        self._store = store
        self._layout = layout
        self.catalogue = catalogue
        self.trust = Trust(store, catalogue, env)
        self._env = env

    def names(self) -> list[str]:
        return sorted(peer.personality for peer in self._store.peers.all())

    def all(self) -> list[RegisteredPeer]:
        """Read every peer, by name."""
        consents = self._store.consents.all()
        peers = sorted(self._store.peers.all(), key=lambda peer: peer.personality)
        return [_known(peer, consents.get(peer.personality, {})) for peer in peers]

    def find(self, personality: str) -> RegisteredPeer | None:
        """Read one peer; None: there is none of this name."""
        kept = self._store.peers.with_consents(personality)
        return _known(*kept) if kept is not None else None

    def get(self, personality: str) -> RegisteredPeer:
        """Read one peer; Refused naming the nearest ones."""
        known = self.find(personality)
        if known is None:
            raise unknown("peer", personality, self.names())
        return known

    def proposal(self, known: RegisteredPeer, looked: Looked | None = None) -> Proposal | None:
        """Read what the peer's files say now; None: they cannot be read. `looked`: see Trust.proposal."""
        return self.trust.proposal(known.folder, known.written, looked) if known.written is not None else None

    def differences(self, known: RegisteredPeer, looked: Looked | None = None) -> list[Difference]:
        """Compare what the peer's files say with what was confirmed."""
        proposal = self.proposal(known, looked)
        return self.trust.differences(proposal, known.terms, looked) if proposal is not None else []

    def confirm(
        self, personality: str, seen: str | None = None, *, folder_only: bool = False
    ) -> tuple[RegisteredPeer, list[Difference]]:
        """Confirm all that the peer's files say: (peer, what was another before).

        `seen`: the digest of what the operator was shown; Refused when it is another by now. `folder_only`: not what
        its runtimes stand on for other peers too, adapters of the user's own and where programs are.
        """
        known = self.get(personality)
        proposal = self.proposal(known)
        if proposal is None:
            raise known.problem or Failed(f"The profile of {personality} cannot be read.")
        if seen is not None and seen != proposal.digest:
            raise Refused(
                f"The files of {personality} have changed meanwhile: look again with `iapeer show {personality}`.",
                code="changed",
            )
        check_shown(personality, proposal)
        confirmed = replace(proposal, bases={}) if folder_only else proposal
        unseen = [] if folder_only else self.trust.unseen(known.terms)
        taken = self.trust.confirm(personality, confirmed, "confirmed", unseen)
        return self.get(personality), taken

    def note_launch(self, known: RegisteredPeer, runtime: str) -> None:
        """Tell what of the peer's files does not count, and keep where the program is: right before a launch."""
        self.trust.note_program(runtime)
        who = identity(runtime, known.personality)
        self.trust.tell_once(known.personality, who, runtime, self.differences(known))

    def adopt(self) -> None:
        """Confirm what peers have of an earlier version, which asked for no consent. Acts once in a database."""
        if self._store.settings.get(ADOPT) is None:
            return
        with self._store.together():
            for known in self.all():
                if (proposal := self.proposal(known)) is not None:
                    self.trust.adopt(known.personality, proposal)
            self._store.settings.drop(ADOPT)

    def create(self, name: str, folder: Path | None, wishes: dict[str, Any]) -> tuple[RegisteredPeer, bool]:
        """Make a peer in a new folder (by default one of iapeer's own): (peer, created)."""
        check_personality(name)
        if there := self._store.peers.get(name):
            other = suggestion(name, lambda free: self._owner(free) is None)
            raise Refused(
                f"There is a peer '{name}' already: it is {there.folder}; `{other}` is free.", code="name-taken"
            )
        folder = folder or self._layout.peers / name
        if folder.exists() and any(folder.iterdir()):
            way = f"iapeer init {shlex.quote(str(folder))} --name {name}"
            raise Refused(f"{folder} is not empty: run `{way}` to make a peer of it.", code="not-empty")
        new = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Failed(f"{folder} cannot be made ({error.strerror}).", code="unwritable") from error
        try:
            return self.init(folder, wishes, name)
        except PeerError:
            if new:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise

    def init(self, folder: Path, wishes: dict[str, Any], name: str | None = None) -> tuple[RegisteredPeer, bool]:
        """Make the folder a peer, or find that it is one: (peer, created). `wishes` are fields of the profile.

        Nothing is written before everything has been checked. Of what the folder says already nothing is confirmed.
        """
        folder = _real(folder)
        there = self._store.peers.at_folder(str(folder))
        if there is not None and not wishes and name in (None, there.personality):
            return self.get(there.personality), False
        profile = self._plan(folder, wishes, name, there)
        write_profile(folder, profile)
        with self._store.together():
            record = there or self._store.peers.add(profile["personality"], str(folder))
            self._confirm_wishes(record.personality, profile, wishes, new=there is None)
        return self.get(record.personality), there is None

    def _confirm_wishes(self, personality: str, plan: dict[str, Any], wishes: dict[str, Any], *, new: bool) -> None:
        """Confirm the fields that the operator asked for, and the runtime that a new peer is made with."""
        asked = wishes.get("default_runtime")
        runtime = asked or (plan["default_runtime"] if new else None)
        if runtime is not None:
            self.trust.confirm_runtime(personality, runtime, named=asked is not None)
        nature = self._adapter(runtime).intelligence if new and runtime is not None else None
        self.trust.confirm_fields(personality, {**({"intelligence": nature} if nature else {}), **wishes})

    def change(self, personality: str, fields: dict[str, Any]) -> tuple[RegisteredPeer, list[str]]:
        """Change fields of the profile, None taking one back to its default: (peer, names of what is another now)."""
        known = self.get(personality)
        runtimes = known.sound().runtimes
        for name in fields:
            if name in _FIXED:
                raise Refused(f"{name} cannot be set: {_FIXED[name]}.", code="fixed-field")
            if name not in CHANGEABLE:
                raise unknown("field", name, list(CHANGEABLE))
        if "description" in fields and not fields["description"]:
            raise Refused("A description is never emptied: give another one.", code="bad-field")
        default = fields.get("default_runtime")
        if isinstance(default, str) and default not in runtimes:
            raise Refused(
                f"{personality} has no runtime '{default}': it has {', '.join(runtimes)}; add it with "
                "`iapeer runtime-add`.",
                code="unknown-runtime",
            )
        _check({name: value for name, value in fields.items() if value is not None})
        changed = change_profile(known.folder, fields)
        self.trust.confirm_fields(personality, fields)
        return self.get(personality), changed

    def add_runtime(self, personality: str, runtime: str) -> RegisteredPeer:
        """Give a peer one more runtime, the last in its order; one that it has already changes nothing."""
        known = self.get(personality)
        known.sound()
        written = known.written.runtimes if known.written is not None else []
        self._adapter(check_runtime(runtime))
        if runtime not in written:
            write_profile(known.folder, {"runtimes": [*written, runtime]})
        self.trust.confirm_runtime(personality, runtime, named=True)
        return self.get(personality)

    def _adapter(self, runtime: str) -> Adapter:
        """Get the adapter of a runtime; a user's own that was never confirmed counts as its file has it."""
        return (self.catalogue.unconfirmed(runtime) or self.catalogue.get(runtime)).adapter

    def move(self, personality: str, folder: Path) -> RegisteredPeer:
        """Record where a peer's folder is now. Refused when there is another peer, or another peer's profile."""
        known = self.get(personality)
        real = _real(folder)
        other = self._store.peers.at_folder(str(real))
        if other is not None and other.personality != personality:
            raise Refused(
                f"{real} is the folder of {other.personality}: it cannot be {personality}'s too.", code="folder-taken"
            )
        if profile_path(real).exists() and read_profile(real).personality != personality:
            raise Refused(
                f"{real} has the profile of {read_profile(real).personality}: move the right folder.", code="name-taken"
            )
        if not profile_path(real).exists():
            self._carry(known, real)
        self._store.peers.move(personality, str(real))
        return self.get(personality)

    def _carry(self, known: RegisteredPeer, real: Path) -> None:
        """Write the peer's profile into its new folder, which has none."""
        if known.profile is None:
            raise Refused(
                f"Neither {real} nor {known.folder} has a readable profile: move .iapeer/ there as well.",
                code="no-profile",
            )
        write_profile(real, known.profile.model_dump(mode="json", exclude_unset=True))

    def missing(self, runtime: str) -> str | None:
        """Say what keeps a runtime from being started here; None: nothing."""
        try:
            find_binary(self.catalogue.get(runtime).adapter, self._env)
        except PeerError as error:
            return str(error)
        return None

    def remove(self, personality: str) -> list[Row]:
        """Forget a peer and every trace of its state; its folder, with the profile in it, is the user's and stays.

        Returns its messages that were not over: their senders are to be told.
        """
        self.get(personality)
        died = self._store.peers.remove(personality)
        for log in (self._layout.logs / "panes").glob(f"*-{personality}.log*"):
            if split_identity(log.name.partition(".")[0])[1] == personality:  # not that of `other-NAME`
                log.unlink(missing_ok=True)
        return died

    def _plan(self, folder: Path, wishes: dict[str, Any], name: str | None, there: Peer | None) -> dict[str, Any]:
        old = read_profile(folder) if profile_path(folder).exists() else None
        personality = self._name(folder, name, old, there, wishes.get("default_runtime"))
        runtime = wishes.get("default_runtime") or (old.default_runtime if old else self._default_runtime())
        adapter = self._adapter(check_runtime(runtime))
        runtimes = list(old.runtimes) if old else []
        changes = {
            "personality": personality,
            "intelligence": old.intelligence if old else adapter.intelligence,
            **{key: value for key, value in wishes.items() if value is not None},
            "default_runtime": old.default_runtime if old else runtime,  # a second runtime is added, not preferred
            "runtimes": runtimes if runtime in runtimes else [*runtimes, runtime],
        }
        _check(changes)
        return changes

    def _name(
        self, folder: Path, wished: str | None, old: Profile | None, there: Peer | None, runtime: str | None
    ) -> str:
        """Choose the name of the folder's peer; one that is registered keeps its own."""
        if there is None:
            return Naming(folder, self._owner, runtime).choose(wished, old.personality if old else None)
        if wished not in (None, there.personality):
            raise Refused(
                f"{folder} is the peer {there.personality} already: {_FIXED['personality']}.", code="fixed-field"
            )
        return there.personality

    def _owner(self, personality: str) -> str | None:
        peer = self._store.peers.get(personality)
        return peer.folder if peer is not None else None

    def _default_runtime(self) -> str:
        """Find the first runtime, by name, whose program is installed; Refused when there is none."""
        for name in self.catalogue.names():
            try:
                find_binary(self.catalogue.get(name).adapter, self._env)
            except PeerError:
                continue
            return name
        raise Refused(
            f"No agent program is on PATH: install one, then `iapeer daemon restart`, "
            f"or name it with -r ({', '.join(self.catalogue.names())}).",
            code="no-binary",
        )


def _known(record: Peer, consents: Mapping[Consent, str]) -> RegisteredPeer:
    try:
        written = read_profile(Path(record.folder))
    except PeerError as error:
        return RegisteredPeer(record, None, error, None, terms_of(consents))
    terms = terms_of(consents)
    try:
        return RegisteredPeer(record, effective(written, record.personality, terms), None, written, terms)
    except PeerError as error:
        return RegisteredPeer(record, None, error, written, terms)


def _real(folder: Path) -> Path:
    if not folder.is_dir():
        raise Refused(f"{folder} is not a folder: make it first, or use `iapeer create`.", code="no-folder")
    real = folder.resolve()
    if not os.access(real, os.W_OK | os.X_OK):
        raise Failed(f"{real} cannot be written: its profile would have to be kept there.", code="unwritable")
    return real


def _check(changes: dict[str, Any]) -> None:
    description = changes.get("description", "")
    if isinstance(description, str) and len(description) > MAX_DESCRIPTION:
        raise Refused(
            f"The description has {len(description)} characters: {MAX_DESCRIPTION} is the limit.",
            code="limit",
        )
    if isinstance(prompt := changes.get("initial_prompt", ""), str):
        check_initial_prompt(prompt)
    if changes.get("wake_policy", "warm") not in POLICIES:
        raise Usage(f"'{changes['wake_policy']}' is not a wake policy: use {', '.join(POLICIES)}.", code="bad-policy")
    if changes.get("wake_policy", "warm") not in BUILT_POLICIES:
        raise Refused(f"Wake policy '{changes['wake_policy']}' is not built yet: use warm.", code="not-built")
    if changes.get("permissions", "default") not in PERMISSION_MODES:
        raise Usage(
            f"'{changes['permissions']}' is not a permission mode: use {', '.join(PERMISSION_MODES)}.",
            code="bad-permissions",
        )
