"""Homes that differ from the seeded one: what they bring up, and what is left as its user has it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from iapeer.conformance.outcome import Missing, expect
from iapeer.conformance.subject import Subject, settled
from iapeer.runtimes.checktables import Check, CheckHome


def cases(check: Check) -> Iterator[tuple[str, partial[str]]]:
    """List a case for each home; one that is skipped where there are none."""
    if not check.homes:
        yield "homes", partial(_missing)
    for number, home in enumerate(check.homes):
        yield f"home: {home.name}", partial(comes_up, home, f"bob-{number}")


def _missing(_subject: Subject) -> str:
    raise Missing("the adapter has no [[check.homes]]")


def comes_up(home: CheckHome, name: str, subject: Subject) -> str:
    """Just the named dialogs come and are answered, a message is done, and its user's files are as they were."""
    with subject.beside(name, home) as peer:
        before = _kept(home, peer)
        settled(peer.start, peer)
        if home.shows is not None:
            _shows(home, peer)
        peer.deliver("hello")
        dialogs = list(dict.fromkeys(event["dialog"] for event in peer.events("dialog")))  # an event a key
        expect(dialogs == home.dialogs, f"the dialogs were {', '.join(dialogs) or 'none'}")
        peer.do("stop")
        changed = [file for file, text in _kept(home, peer).items() if text != before[file]]
        expect(not changed, f"changed: {', '.join(changed)}")
    return ", ".join([_answered(dialogs), *([f"{' and '.join(home.keeps)} unchanged"] if home.keeps else [])])


def _answered(dialogs: list[str]) -> str:
    return f"answered: {', '.join(dialogs)}" if dialogs else "no dialog came"


def _shows(home: CheckHome, peer: Subject) -> None:
    pattern = home.shows
    assert pattern is not None
    peer.until(lambda: pattern.search(peer.screen()) is not None, f"seen: {pattern.pattern!r}", peer.last_line)


def _kept(home: CheckHome, peer: Subject) -> dict[str, str | None]:
    """Read its user's files; None for one that is not there."""
    files = {name: Path(peer.env["HOME"]) / name for name in home.keeps}
    return {name: file.read_text("utf-8", "replace") if file.exists() else None for name, file in files.items()}
