"""The certificate of the loopback port: kept while it is whole and private, and good for this machine alone."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from iapeer.api.certificate import Certificate, certificate
from iapeer.model.errors import Failed


def _made(folder: Path) -> Certificate:
    return certificate(folder / "cert.pem", folder / "key.pem")


def test_it_is_kept(tmp_path: Path) -> None:
    """The next daemon has the same one; key and certificate are private."""
    first = _made(tmp_path)
    assert _made(tmp_path) == first
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "cert.pem": 0o600, "key.pem": 0o600,
    }  # fmt: skip


def _link(folder: Path) -> None:
    (folder / "key.pem").rename(folder / "moved")
    (folder / "key.pem").symlink_to("moved")


SPOILS: dict[str, Callable[[Path], object]] = {
    "no key": lambda folder: (folder / "key.pem").unlink(),
    "no certificate": lambda folder: (folder / "cert.pem").unlink(),
    "broken": lambda folder: (folder / "cert.pem").write_text("nonsense"),
    "readable key": lambda folder: (folder / "key.pem").chmod(0o644),
    "another's key": lambda folder: (folder / "key.pem").write_text(Path(_made(folder / "other").key).read_text()),
    "a link": _link,
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=list(SPOILS))
def test_another_is_made(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    """Where it is not whole, or where another user may have read its key."""
    (tmp_path / "other").mkdir()
    first = _made(tmp_path)
    spoil(tmp_path)
    second = _made(tmp_path)
    assert second.fingerprint != first.fingerprint
    assert _made(tmp_path) == second
    assert second.key.lstat().st_mode == 0o100600


def test_it_speaks_for_this_machine_alone(tmp_path: Path) -> None:
    """It is no authority: nothing that it signs is trusted by whoever trusts it."""
    pem = _made(tmp_path).pem
    loaded = x509.load_pem_x509_certificate(pem.encode())
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert not loaded.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert ssl.create_default_context(cadata=pem).cert_store_stats()["x509_ca"] == 0


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """What is wrong, and what to do."""
    with pytest.raises(Failed, match="cannot be written"):
        certificate(tmp_path / "none" / "cert.pem", tmp_path / "none" / "key.pem")
