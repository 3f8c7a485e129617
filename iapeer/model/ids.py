"""Identifiers: UUIDv7, so that ids sort by the time they were made (RFC 9562, section 5.7)."""

from __future__ import annotations

import secrets
import uuid


def uuid7(wall: float) -> str:
    """A UUIDv7 for the time `wall` (seconds since the epoch), in canonical text form."""
    millis = int(wall * 1000) & ((1 << 48) - 1)
    value = (millis << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))
