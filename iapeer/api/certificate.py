"""The certificate with which the loopback port proves itself: this root's own, and good for loopback alone.

It signs nothing but itself (it is no authority), so that a program that trusts it trusts one server on this machine. It
never runs out, for live agents keep trusting what they were started with.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from iapeer.files.regular import write_private
from iapeer.model.errors import Failed

NAMES = ("localhost", "127.0.0.1")
_FINGERPRINT_CHARS = 32  # of SHA-256: enough to tell certificates of one root apart


@dataclass(frozen=True)
class Certificate:
    """A key pair on disk. `pem` is the public part, which clients trust."""

    path: Path
    key: Path
    pem: str

    @property
    def fingerprint(self) -> str:
        """What tells it from every other one."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.pem)).hexdigest()[:_FINGERPRINT_CHARS]

    def context(self) -> ssl.SSLContext:
        """What a server speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


def certificate(path: Path, key: Path) -> Certificate:
    """The root's certificate; made when there is none, or none that is private and whole."""
    with contextlib.suppress(OSError, ValueError):  # ssl.SSLError is an OSError
        known = Certificate(path, key, path.read_text("ascii"))
        if _private(key) and known.context() and known.fingerprint:
            return known
    try:
        return _make(path, key)
    except OSError as error:
        raise Failed(f"{key} cannot be written ({error.strerror}): make its folder writable.", code="root") from error


def _private(key: Path) -> bool:
    status = key.lstat()
    return stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == os.getuid()


def _make(path: Path, key: Path) -> Certificate:
    from iapeer.api.selfsigned import self_signed  # late: 90 ms, once in a root's life

    pem, secret = self_signed(NAMES)
    write_private(key, secret)
    write_private(path, pem)
    return Certificate(path, key, pem)
