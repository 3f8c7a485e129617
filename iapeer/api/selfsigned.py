"""Making a self-signed certificate. Imported late: the library behind it is large, and needed once."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_FROM, _UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # whatever this machine's clock says


def self_signed(names: tuple[str, ...]) -> tuple[str, str]:
    """(certificate, key) as PEM, for a server that is reached by these names and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = _certificate(key, names).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def _certificate(key: ec.EllipticCurvePrivateKey, names: tuple[str, ...]) -> x509.CertificateBuilder:
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "iapeer loopback")])
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    built = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectAlternativeName([_general(name) for name in names]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (subject_key, False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key), False),
    ]
    for extension, critical in extensions:
        built = built.add_extension(extension, critical)
    return built


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
