"""Signing identities for content credentials: the operator's own certificate, or a local development authority created once.

The certificates follow the C2PA technical specification 2.2, section 14.5 (X.509 certificates for signing).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facemeld.marks.errors import SigningUnavailable

Algorithm: TypeAlias = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]
"""Signature algorithms that C2PA allows."""

LOCAL_ORGANISATION = "Facemeld local development"
"""Organisation in the certificates of the local development authority."""

_CURVES: dict[str, Algorithm] = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_LIFE = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A certificate chain with its key, or with a callback that signs.

    Attributes:
        chain: Certificates in PEM, the signer's first.
        algorithm: Signature algorithm.
        key: Private key in PEM (PKCS 8, not encrypted); empty if ``callback`` signs.
        callback: ``package.module:function`` that takes the bytes to sign and returns the signature in COSE form (for ECDSA the two
            numbers side by side, of equal length); empty if there is a ``key``.
    """

    chain: str
    algorithm: Algorithm
    key: str = field(default="", repr=False)
    callback: str = ""

    @property
    def local(self) -> bool:
        """Whether the local development authority issued the certificate."""
        name = x509.load_pem_x509_certificates(self.chain.encode())[0].issuer
        return any(part.value == LOCAL_ORGANISATION for part in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))

    @property
    def anchor(self) -> str:
        """The last certificate of the chain, in PEM; to trust it is to trust the signer."""
        last = x509.load_pem_x509_certificates(self.chain.encode())[-1]
        return last.public_bytes(serialization.Encoding.PEM).decode()


def load_identity(chain: Path, key: Path | None = None, callback: str = "", algorithm: str = "") -> SigningIdentity:
    """Load the operator's own certificate.

    Args:
        chain: file with the certificates in PEM, the signer's first.
        key: file with the private key in PEM; None if ``callback`` signs.
        callback: ``package.module:function`` that signs with a key that cannot be read, see ``SigningIdentity``.
        algorithm: one of ``Algorithm``; empty chooses by the kind of the certificate's key.

    Raises:
        SigningUnavailable: a file is missing or cannot be read, the key does not belong to the certificate, or neither or both of
            key and callback are given.
    """
    if (key is None) == (not callback):
        raise SigningUnavailable("a signing certificate must come with either a key file or a callback")
    text = _read(chain)
    try:
        certificates = x509.load_pem_x509_certificates(text.encode())
        public = certificates[0].public_key()
        secret = _read(key) if key is not None else ""
        if secret and _bytes(serialization.load_pem_private_key(secret.encode(), None).public_key()) != _bytes(public):
            raise SigningUnavailable(f"the key in {key} must be the one of the first certificate in {chain}, got another")
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningUnavailable(f"{chain} and {key or callback} must hold PEM certificates and a key without password") from error
    if callback:
        load_callback(callback)
    return SigningIdentity(text, _algorithm(algorithm, public), secret, callback)


def load_callback(name: str) -> Callable[[bytes], bytes]:
    """Import the function that ``package.module:function`` names.

    Raises:
        SigningUnavailable: there is no such function.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise SigningUnavailable(f"the signing callback must be package.module:function, got {name}") from error
    if not callable(found):
        raise SigningUnavailable(f"the signing callback {name} must be a function")
    signing: Callable[[bytes], bytes] = found
    return signing


def local_identity(folder: Path) -> SigningIdentity:
    """Return the local development authority of a folder, created on first use; only the server's user can read its files.

    A verifier that trusts ``authority.pem`` can tell that a result comes from this installation and was not altered; to any other
    verifier the signer is unknown.

    Raises:
        SigningUnavailable: the folder cannot be read or written.
    """
    chain, key = folder / "signer.pem", folder / "signer.key"
    try:
        if not chain.exists():
            _make(folder)
    except OSError as error:
        raise SigningUnavailable(f"the folder {folder} must be writable for the local authority, got: {error.strerror}") from error
    return load_identity(chain, key)


def _make(folder: Path) -> None:
    """Create authority, key and chain beside the folder and move them into place at once; a second process uses the first's files."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority, signer = _certificates(authority_key, key.public_key())
    # The authority's key is not kept, because it never signs anything else.
    pem = serialization.Encoding.PEM
    files = {
        "authority.pem": authority.public_bytes(pem),
        "signer.pem": signer.public_bytes(pem) + authority.public_bytes(pem),
        "signer.key": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    }
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".tmp-{folder.name}-", dir=folder.parent))
    try:
        for name, data in files.items():
            _write(temporary / name, data)
        _sync(temporary)
        temporary.rename(folder)
        # Without this, a power cut could lose an authority that has already signed results.
        _sync(folder.parent)
    except OSError:
        shutil.rmtree(temporary)
        if not (folder / "signer.pem").exists():
            raise


def _certificates(authority_key: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePublicKey) -> tuple[x509.Certificate, x509.Certificate]:
    now = datetime.now(UTC) - timedelta(minutes=5)
    top = _name("Facemeld local development authority")
    authority = (
        _builder(top, top, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signer = (
        _builder(_name("Facemeld local development signer"), top, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return authority, signer


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common), x509.NameAttribute(NameOID.ORGANIZATION_NAME, LOCAL_ORGANISATION)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + _LIFE)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SigningUnavailable(f"{path} must be a readable PEM file") from error


def _bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _algorithm(name: str, key: PublicKeyTypes | PrivateKeyTypes) -> Algorithm:
    known: tuple[Algorithm, ...] = get_args(Algorithm)
    if name:
        for one in known:
            if name.lower() == one:
                return one
        raise SigningUnavailable(f"the signing algorithm must be one of {', '.join(known)}, got {name}")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPublicKey):
        return "ps256"
    raise SigningUnavailable("a signing certificate must have a key of the kind P-256, P-384, P-521, Ed25519 or RSA")
