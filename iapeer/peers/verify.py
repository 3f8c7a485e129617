"""What is wrong or doubtful with profiles, folders, adapters and programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iapeer.model.sanitise import one_line
from iapeer.peers.pieces import read_pieces
from iapeer.peers.profile import BUILT_POLICIES, GONE, POLICIES, Profile, profile_path
from iapeer.peers.registry import RegisteredPeer, Registry
from iapeer.wording import problems as wording


@dataclass(frozen=True)
class Problem:
    """Something that is wrong. `personality`: the peer's, or `iapeer`; `level`: error, warning or unconfirmed."""

    personality: str
    level: str
    path: str
    message: str


def verify(registry: Registry, config: Path) -> list[Problem]:
    """Look at everything; `config` is the folder with the texts for all sessions."""
    skipped = read_pieces(config, None).skipped
    texts = [Problem("iapeer", "warning", str(path), wording.not_read(why)) for path, why in skipped]
    return [*texts, *(problem for peer in registry.all() for problem in _of_peer(registry, peer))]


def _of_peer(registry: Registry, peer: RegisteredPeer) -> Iterator[Problem]:
    path = str(profile_path(peer.folder))
    if not peer.folder.is_dir():
        yield Problem(peer.personality, "error", str(peer.folder), wording.folder_gone(GONE))
    elif peer.profile is None:
        yield Problem(peer.personality, "error", path, str(peer.problem))
    else:
        written = peer.written or peer.profile
        for level, message in [*_of_name(written, peer), *_of_consent(registry, peer), *_of_policy(written)]:
            yield Problem(peer.personality, level, path, message)
        for text, why in read_pieces(None, peer.folder).skipped:
            yield Problem(peer.personality, "warning", str(text), wording.not_read(why))
        for missing in filter(None, map(registry.missing, peer.profile.runtimes)):
            yield Problem(peer.personality, "error", path, missing)


def _of_name(written: Profile, peer: RegisteredPeer) -> Iterator[tuple[str, str]]:
    if written.personality != peer.personality:
        yield "error", wording.other_name(written.personality, peer.personality)


def _of_consent(registry: Registry, peer: RegisteredPeer) -> Iterator[tuple[str, str]]:
    for difference in registry.differences(peer):
        line = one_line(difference.text, wording.LINE)
        level = "error" if difference.broken else "unconfirmed"
        yield level, wording.not_counting(line, peer.personality, broken=difference.broken)
    if unseen := registry.trust.unseen(peer.terms):
        line = one_line(", ".join(difference.text for difference in unseen), wording.LINE)
        yield "warning", wording.unseen(line, peer.personality)


def _of_policy(written: Profile) -> Iterator[tuple[str, str]]:
    if written.wake_policy not in BUILT_POLICIES:
        yield "warning", wording.policy(written.wake_policy, known=written.wake_policy in POLICIES)
