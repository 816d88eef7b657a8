"""Content credentials: signed by the right key, true to the file, and without a trace of the user but a hash."""

from __future__ import annotations

import io
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from facemeld.marks.authority import load_identity, local_identity
from facemeld.marks.credentials import CredentialSigner, read_credentials
from facemeld.marks.errors import SigningFailed, SigningUnavailable
from facemeld.marks.provenance import Ingredient, Provenance

PROVENANCE = Provenance(
    software="Facemeld",
    version="1.2",
    engine="mesh/1",
    produce_id="3b241101-e2bb-4255-8caf-4136c566a962",
    template=Ingredient(b"t" * 32),
    photos=(Ingredient(b"u" * 32), Ingredient(b"v" * 32, ("aigc-label", "manifest"))),
    when="2026-01-02T03:04:05Z",
)
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
KEYS = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "ed25519": None}


def picture(mime: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 80, 3), np.uint8)).save(buffer, FORMATS[mime])
    return buffer.getvalue()


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> CredentialSigner:
    return CredentialSigner(local_identity(tmp_path_factory.mktemp("data") / "signing"))


@pytest.mark.parametrize("mime", FORMATS)
def test_a_manifest_says_what_was_made_from_what(signer: CredentialSigner, mime: str) -> None:
    plain = picture(mime)
    signed = signer.sign(plain, mime, PROVENANCE)
    read = read_credentials(signed, mime)
    assert read is not None
    assert read.state == "Valid"
    assert read.codes["failure"] == ("signingCredential.untrusted",)
    assert read.actions == ("c2pa.opened", "c2pa.placed", "c2pa.placed", "c2pa.edited")
    assert read.source_types == ("http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic",)
    assert [kind for _, kind, _, _ in read.ingredients] == ["parentOf", "componentOf", "componentOf"]
    assert read.ingredients[0][2] == "ni:///sha-256;dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHQ"
    assert [text for _, _, _, text in read.ingredients] == [
        "",
        "",
        "Came with an AI label (TC260 AIGC), content credentials of its own",
    ]
    assert (read.generator, read.when) == ("Facemeld 1.2", "2026-01-02T03:04:05Z")
    assert read.instance == f"urn:uuid:{PROVENANCE.produce_id}"
    assert "Facemeld local development" in read.signer
    assert read_credentials(plain, mime) is None
    with Image.open(io.BytesIO(signed)) as one, Image.open(io.BytesIO(plain)) as other:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_no_thumbnail_is_written(signer: CredentialSigner) -> None:
    signed = signer.sign(picture("image/jpeg"), "image/jpeg", PROVENANCE)
    with c2pa.Reader("image/jpeg", io.BytesIO(signed)) as reader:
        text = reader.json()
    assert "thumbnail" not in text
    assert len(signed) - len(picture("image/jpeg")) < 8192
    assert json.loads(text)["validation_state"] == "Valid"


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png"])
def test_one_changed_byte_breaks_the_signature(signer: CredentialSigner, mime: str) -> None:
    signed = bytearray(signer.sign(picture(mime), mime, PROVENANCE))
    signed[-200] ^= 1
    read = read_credentials(bytes(signed), mime)
    assert read is not None
    assert read.state == "Invalid"


def test_who_trusts_the_authority_trusts_its_results(tmp_path: Path) -> None:
    identity = local_identity(tmp_path / "signing")
    assert identity.local
    signed = CredentialSigner(identity).sign(picture("image/png"), "image/png", PROVENANCE)
    read = read_credentials(signed, "image/png", identity.anchor)
    assert read is not None
    assert read.state == "Trusted"
    stranger = read_credentials(signed, "image/png", local_identity(tmp_path / "other").anchor)
    assert stranger is not None
    assert stranger.state == "Valid"


def test_the_local_authority_is_made_once_and_private(tmp_path: Path) -> None:
    first = local_identity(tmp_path / "data" / "signing")
    assert local_identity(tmp_path / "data" / "signing") == first
    files = sorted((tmp_path / "data" / "signing").iterdir())
    assert [file.name for file in files] == ["authority.pem", "signer.key", "signer.pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert [one.name for one in (tmp_path / "data").iterdir()] == ["signing"]
    assert first.key not in repr(first)


def own_certificate(folder: Path, algorithm: str) -> tuple[Path, Path]:
    """An operator's certificate and key, issued by an authority of their own."""
    curve = KEYS[algorithm]
    key = ec.generate_private_key(curve) if curve is not None else ed25519.Ed25519PrivateKey.generate()
    top = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Museum authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Museum"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Museum")])
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False)
    usage |= {"encipher_only": False, "decipher_only": False}
    now = datetime.now(UTC)
    base = x509.CertificateBuilder().issuer_name(issuer).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    authority = (
        base.subject_name(issuer)
        .public_key(top.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(x509.KeyUsage(digital_signature=False, key_cert_sign=True, **usage), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(top.public_key()), False)
        .sign(top, hashes.SHA256())
    )
    leaf = (
        base.subject_name(subject)
        .public_key(key.public_key())
        .serial_number(2)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=False, **usage), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(top.public_key()), False)
        .sign(top, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    chain, secret = folder / f"{algorithm}.pem", folder / f"{algorithm}.key"
    chain.write_bytes(leaf.public_bytes(pem) + authority.public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return chain, secret


@pytest.mark.parametrize("algorithm", KEYS)
def test_an_operators_own_certificate_signs(tmp_path: Path, algorithm: str) -> None:
    identity = load_identity(*own_certificate(tmp_path, algorithm))
    assert (identity.algorithm, identity.local) == (algorithm, False)
    read = read_credentials(CredentialSigner(identity).sign(picture("image/png"), "image/png", PROVENANCE), "image/png", identity.anchor)
    assert read is not None
    assert (read.state, read.signer) == ("Trusted", "Museum, Museum")


class Vault:
    """A key management service: signs, and never shows its key."""

    key: ec.EllipticCurvePrivateKey
    calls = 0

    @classmethod
    def sign(cls, data: bytes) -> bytes:
        cls.calls += 1
        r, s = utils.decode_dss_signature(cls.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sign_in_vault(data: bytes) -> bytes:
    return Vault.sign(data)


def refuse(_: bytes) -> bytes:
    raise ConnectionError("the vault does not answer")


def test_a_key_in_a_vault_signs_through_a_callback(tmp_path: Path) -> None:
    chain, secret = own_certificate(tmp_path, "es256")
    key = serialization.load_pem_private_key(secret.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    Vault.key = key
    identity = load_identity(chain, callback=f"{__name__}:sign_in_vault")
    signed = CredentialSigner(identity).sign(picture("image/jpeg"), "image/jpeg", PROVENANCE)
    read = read_credentials(signed, "image/jpeg", identity.anchor)
    assert read is not None
    assert read.state == "Trusted"
    assert Vault.calls >= 1


def test_a_vault_that_does_not_answer_fails_the_result(tmp_path: Path) -> None:
    identity = load_identity(own_certificate(tmp_path, "es256")[0], callback=f"{__name__}:refuse")
    with pytest.raises(SigningFailed, match="its signing key at hand"):
        CredentialSigner(identity).sign(picture("image/jpeg"), "image/jpeg", PROVENANCE)


def test_what_cannot_sign_is_refused(tmp_path: Path) -> None:
    chain, key = own_certificate(tmp_path, "es256")
    _, other = own_certificate(tmp_path, "es384")
    for arguments, text in (
        ((chain,), "either a key file or a callback"),
        ((chain, key, "a:b"), "either a key file or a callback"),
        ((chain, other), "must be the one of the first certificate"),
        ((chain, tmp_path / "none.key"), "must be a readable PEM file"),
        ((key, key), "must hold PEM certificates"),
        ((chain, None, "nowhere.at.all:sign"), "must be package.module:function"),
        ((chain, None, "json:__name__"), "must be a function"),
        ((chain, key, "", "rot13"), "must be one of es256"),
    ):
        with pytest.raises(SigningUnavailable, match=text):
            load_identity(*arguments)  # type: ignore[arg-type]  # the table holds arguments of several shapes


def test_a_damaged_file_cannot_be_signed(signer: CredentialSigner) -> None:
    with pytest.raises(SigningFailed):
        signer.sign(b"\xff\xd8\xff", "image/jpeg", PROVENANCE)
