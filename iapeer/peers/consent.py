"""What the operator confirmed of a peer, and how what its files say differs from that. Pure: nothing is read here.

What counts at a launch is what was confirmed last. The files only propose.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from iapeer.model.errors import PeerError, Refused
from iapeer.model.sanitise import one_line, spelled
from iapeer.peers.launchenv import LaunchEnv
from iapeer.peers.profile import Profile, initial_prompt_problem
from iapeer.store import ALL_RUNTIMES, Consent

PERMISSIONS, INITIAL_PROMPT, INTELLIGENCE = "permissions", "initial_prompt", "intelligence"
FIELDS = (PERMISSIONS, INITIAL_PROMPT, INTELLIGENCE)  # of the profile
LAUNCH = "launch.env"  # of a peer in one runtime; having one at all is what lets the peer run in it
ADAPTER, PROGRAM = "adapter", "program"  # of a runtime, for all peers
ADOPTED = "adopted"  # of a peer: an earlier version had it so, which asked nobody, and nobody has looked at it since
TOLD = "told"  # the digest of the differences that an event told of
MAX_LAUNCH_SHOWN = 16_000  # characters that one launch.env takes to be shown: what is longer, nobody looks at
_VARIABLE_SHOWN = 20  # of them for a variable, beside its name
_BRIEF = 50  # differences that are named where nobody is asked to confirm them
_PROBLEM = 400  # characters of what is wrong with a file


@dataclass(frozen=True)
class Terms:
    """What was confirmed of a peer. `launches`: by runtime, for those it may run in. `unseen`: see ADOPTED."""

    permissions: str = "default"
    initial_prompt: str = ""
    intelligence: str = "artificial"
    launches: Mapping[str, LaunchEnv] = field(default_factory=dict)
    unseen: bool = False


@dataclass(frozen=True)
class Basis:
    """What a runtime stands on, for all peers. `adapter`: a user's own one, as text; `program`: where it is.

    None: there is none. `path` is the adapter's file, `problem` what is wrong with it.
    """

    adapter: str | None = None
    program: str | None = None
    path: str = ""
    problem: PeerError | None = None


@dataclass(frozen=True)
class Proposal:
    """What a peer's files say, read once, for each runtime of its profile; an error: a launch.env cannot be read."""

    profile: Profile
    launches: Mapping[str, LaunchEnv | PeerError]
    bases: Mapping[str, Basis]

    @functools.cached_property
    def digest(self) -> str:
        """A short word that is the same for the same proposal alone."""
        launches = {name: str(said) if isinstance(said, PeerError) else [said.env, list(said.args)]
                    for name, said in self.launches.items()}  # fmt: skip
        bases = {name: [basis.adapter, basis.program] for name, basis in self.bases.items()}
        return digest([[getattr(self.profile, name) for name in FIELDS], launches, bases])


@dataclass(frozen=True)
class Difference:
    """Something that a file says and nobody confirmed. `runtime`: None when it is about all of the peer's.

    `what` names it and holds no value; `detail` is for the operator's eyes: one line that says it whole, but never a
    variable's value. `broken`: the file cannot be used at all.
    """

    what: str
    detail: str
    runtime: str | None = None
    broken: bool = False

    @property
    def text(self) -> str:
        """Both, on one line."""
        return f"{self.what}: {self.detail}"


def terms_of(consents: Mapping[Consent, str]) -> Terms:
    """Read what the store keeps of a peer."""
    fields = {name: json.loads(consents[ALL_RUNTIMES, name]) for name in FIELDS if (ALL_RUNTIMES, name) in consents}
    launches = {runtime: _launch(text) for (runtime, subject), text in consents.items() if subject == LAUNCH}
    return Terms(**fields, launches=launches, unseen=(ALL_RUNTIMES, ADOPTED) in consents)


@functools.lru_cache(maxsize=4096)
def _launch(text: str) -> LaunchEnv:
    kept = json.loads(text)
    return LaunchEnv(kept["env"], tuple(kept["args"]))


def kept_field(name: str, value: str | None) -> dict[Consent, str]:
    """Write a field of the profile as the store keeps it; None is its default."""
    return {(ALL_RUNTIMES, name): json.dumps(Profile.model_fields[name].default if value is None else value)}


def kept_launch(runtime: str, launch: LaunchEnv) -> dict[Consent, str]:
    """Write the launch settings of one runtime as the store keeps them."""
    return {(runtime, LAUNCH): json.dumps({"env": launch.env, "args": launch.args}, sort_keys=True)}


def effective(written: Profile, personality: str, terms: Terms) -> Profile:
    """Make the profile that counts: the written one, with its name by the registry and the rest as confirmed.

    Refused when no runtime of the peer was ever confirmed.
    """
    runtimes = [name for name in written.runtimes if name in terms.launches] or sorted(terms.launches)
    if not runtimes:
        raise Refused(
            f"Nothing that the folder of {personality} says was confirmed: `iapeer trust {personality}` shows and "
            "confirms it.", code="unconfirmed",
        )  # fmt: skip
    counts: dict[str, Any] = {
        "personality": personality,
        "runtimes": runtimes,
        "default_runtime": written.default_runtime if written.default_runtime in runtimes else runtimes[0],
        **{name: getattr(terms, name) for name in FIELDS},
    }
    changes = {name: value for name, value in counts.items() if getattr(written, name) != value}
    return written.model_copy(update=changes) if changes else written


def differences(proposal: Proposal, terms: Terms, confirmed: Mapping[str, Basis]) -> list[Difference]:
    """Compare what the files say with what was confirmed; `confirmed` are the bases of the runtimes."""
    return [
        *_of_profile(proposal.profile, terms),
        *(chain.from_iterable(_of_runtime(name, launch, terms) for name, launch in proposal.launches.items())),
        *(chain.from_iterable(_of_basis(name, basis, confirmed[name]) for name, basis in proposal.bases.items())),
    ]


def adopted(terms: Terms, replaced: Iterable[str]) -> list[Difference]:
    """List what counts of a peer beyond what a new one has.

    `replaced`: runtimes with an adapter in a bundled one's place. Empty unless something of it is dangerous.
    """
    words = [Difference(name, _shown(value)) for name in FIELDS if (value := getattr(terms, name)) != _UNASKED[name]]
    launches = [*chain.from_iterable(_adopted_launch(runtime, launch) for runtime, launch in terms.launches.items())]
    adapters = [
        Difference(f"adapter {name}", f"one of yours is in the bundled one's place, for every peer of {name}", name)
        for name in replaced
    ]
    dangerous = terms.permissions != _UNASKED[PERMISSIONS] or launches or adapters
    return [*words, *launches, *adapters] if dangerous else []


_UNASKED = {name: getattr(Terms(), name) for name in FIELDS}


def _adopted_launch(runtime: str, launch: LaunchEnv) -> Iterator[Difference]:
    if launch.args:
        yield Difference(f"{runtime}: PEER_START_ARGS", _args(launch.args), runtime)
    for name in sorted(launch.env):
        yield Difference(f"{runtime}: variable {name}", "set", runtime)


def _of_profile(written: Profile, terms: Terms) -> Iterator[Difference]:
    for name in FIELDS:
        said, confirmed = getattr(written, name), getattr(terms, name)
        if name == INITIAL_PROMPT and (problem := initial_prompt_problem(said)) is not None:
            yield Difference(name, problem, broken=True)
        elif said != confirmed:
            yield Difference(name, f"{_shown(said)} (confirmed: {_shown(confirmed)})")


def _of_runtime(runtime: str, said: LaunchEnv | PeerError, terms: Terms) -> Iterator[Difference]:
    confirmed = terms.launches.get(runtime)
    if confirmed is None:
        yield Difference(f"runtime {runtime}", "it may run in this program (not confirmed)", runtime)
    if isinstance(said, PeerError):
        yield Difference(f"{runtime}: launch.env", one_line(str(said), _PROBLEM), runtime, broken=True)
        return
    known = confirmed or LaunchEnv()
    if said != known and (problem := launch_problem(said)) is not None:
        yield Difference(f"{runtime}: launch.env", problem, runtime, broken=True)
        return
    if said.args != known.args:
        detail = f"{_args(said.args)} (confirmed: {_args(known.args)})"
        yield Difference(f"{runtime}: PEER_START_ARGS", detail, runtime)
    yield from _of_variables(runtime, said.env, known.env)


def _of_variables(runtime: str, said: Mapping[str, str], known: Mapping[str, str]) -> Iterator[Difference]:
    names = sorted(name for name in {*said, *known} if said.get(name) != known.get(name))
    for name in names:
        detail = "gone" if name not in said else "changed" if name in known else "new"
        yield Difference(f"{runtime}: variable {name}", detail, runtime)


def _of_basis(runtime: str, said: Basis, confirmed: Basis) -> Iterator[Difference]:
    if said.problem is not None:
        yield Difference(f"adapter {runtime}", one_line(str(said.problem), _PROBLEM), runtime, broken=True)
    elif said.adapter not in (None, confirmed.adapter):
        state = "new" if confirmed.adapter is None else "changed"
        detail = f"{spelled(said.path)} is {state}; it counts for every peer of {runtime}"
        yield Difference(f"adapter {runtime}", detail, runtime)
    if said.program is not None and confirmed.program is not None and said.program != confirmed.program:
        where = f"{spelled(said.program)} (confirmed: {spelled(confirmed.program)})"
        yield Difference(f"program of {runtime}", f"{where}; it counts for every peer of {runtime}", runtime)


@functools.lru_cache(maxsize=256)
def _shown(value: str) -> str:
    return value if value.isidentifier() else spelled(json.dumps(value, ensure_ascii=False)) if value else "none"


def _args(args: tuple[str, ...]) -> str:
    return spelled(shlex.join(args)) or "none"


def launch_problem(said: LaunchEnv) -> str | None:
    """Say that launch settings are too long to be looked at, and so to be confirmed; None: they are not."""
    size = len(_args(said.args)) + sum(len(name) + _VARIABLE_SHOWN for name in said.env)
    if size <= MAX_LAUNCH_SHOWN:
        return None
    return (
        f"its {len(said.env):,} variables and its arguments take {size:,} characters to be shown, {MAX_LAUNCH_SHOWN:,} "
        "is the limit: shorten it"
    )


def brief(differing: Iterable[Difference]) -> list[str]:
    """Name what differs, and how many more there are, where nobody is asked to confirm it."""
    names = [difference.what for difference in differing]
    more = len(names) - _BRIEF
    return names if more <= 0 else [*names[:_BRIEF], f"{more} more"]


def digest(parts: object) -> str:
    """Make a short word that is the same for the same JSON values alone."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
