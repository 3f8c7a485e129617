"""What only the store says no with; the rest of its errors are iapeer.model.errors.

Failed
├── IllegalStep    the row's state does not allow this step
└── StaleLease     the word of a session that no longer holds the row: nothing was changed
"""

from __future__ import annotations

from iapeer.model.errors import Failed


class IllegalStep(Failed):
    """The row's state does not allow this step."""

    code = "illegal-step"


class StaleLease(Failed):
    """A late word from a session that no longer holds the row; it changes nothing."""

    code = "stale-lease"
