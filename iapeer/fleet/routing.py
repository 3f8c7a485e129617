"""Which identity of a peer is meant, where only the peer is named. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from iapeer.model.errors import Refused
from iapeer.model.names import identity, split_identity
from iapeer.peers.profile import Profile
from iapeer.peers.registry import RegisteredPeer


def route(known: RegisteredPeer, runtime: str | None, live: Sequence[str]) -> str:
    """The named runtime; else the default one if it is live or none is; else the only live one. Refused otherwise.

    `live`: the identities of the peer that have a session.
    """
    if known.profile is None:
        return _of_unreadable(known, runtime, live)
    if runtime is not None:
        return _named(known.personality, known.profile, runtime)
    return _unnamed(known.personality, known.profile, live)


def _named(personality: str, profile: Profile, runtime: str) -> str:
    if runtime not in profile.runtimes:
        raise Refused(
            f"{personality} has no runtime '{runtime}': it has {', '.join(profile.runtimes)}.",
            code="unknown-runtime",
        )
    return identity(runtime, personality)


def _unnamed(personality: str, profile: Profile, live: Sequence[str]) -> str:
    running = [name for name in profile.runtimes if identity(name, personality) in live]
    if not running or profile.default_runtime in running:
        return identity(profile.default_runtime, personality)
    if len(running) > 1:
        raise Refused(
            f"{personality} is live in {', '.join(running)}: name one with --runtime.", code="ambiguous-runtime"
        )
    return identity(running[0], personality)


def _of_unreadable(known: RegisteredPeer, runtime: str | None, live: Sequence[str]) -> str:
    """The session that lives, where the profile cannot be read now: it goes on. Else what is wrong with it."""
    meant = [who for who in live if runtime in (None, split_identity(who)[0])]
    if len(meant) != 1:
        known.sound()
    return meant[0]
