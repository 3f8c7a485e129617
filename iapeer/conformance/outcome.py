"""How a check ends that does not hold, or that cannot be done."""

from __future__ import annotations


class Broken(Exception):
    """The program does not do what its adapter says: one sentence."""


class Missing(Exception):
    """The adapter does not say what this check needs: one sentence."""


def expect(holds: object, sentence: str) -> None:
    """Broken with this sentence, unless it holds."""
    if not holds:
        raise Broken(sentence)


def needs(value: str | None, where: str) -> str:
    """A value of the adapter that a check cannot do without."""
    if value is None:
        raise Missing(f"the adapter has no {where}")
    return value
