"""Say that a case does not hold, or cannot be checked."""

from __future__ import annotations


class Broken(Exception):
    """The program does not do what its adapter says: one sentence."""


class Missing(Exception):
    """The adapter does not say what this check needs: one sentence."""


def expect(holds: object, sentence: str) -> None:
    """Raise Broken with this sentence, unless it holds."""
    if not holds:
        raise Broken(sentence)


def needs(value: str | None, where: str) -> str:
    """Return a value of the adapter that a case cannot do without; Missing when there is none. `where` names it."""
    if value is None:
        raise Missing(f"the adapter has no {where}")
    return value
