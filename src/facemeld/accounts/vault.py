"""Encrypts stored secrets under one master key."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from facemeld.accounts.types import VaultError
from facemeld.db.files import create_file, make_folder

KEY_BYTES = 32
NONCE_BYTES = 12
SHORTEST_SECRET = 32


class KeyVault:
    """Encrypts small secrets with AES-256-GCM and derives further keys from the master key.

    Args:
        master: At least 32 secret bytes; only keys derived from them are kept.
    """

    def __init__(self, master: bytes) -> None:
        if len(master) < KEY_BYTES:
            raise VaultError(f"the master key must have at least {KEY_BYTES} bytes, got {len(master)}")
        self._root = _expand(master, b"facemeld/root/1")
        self._cipher = AESGCM(_expand(self._root, b"facemeld/secrets-at-rest/1"))

    @classmethod
    def from_secret(cls, secret: str) -> KeyVault:
        """Return the vault of a secret from the settings.

        Raises:
            VaultError: the secret has fewer than 32 characters; no slow hash makes up for a short one.
        """
        if len(secret) < SHORTEST_SECRET:
            raise VaultError(f"the master secret must have at least {SHORTEST_SECRET} characters, got {len(secret)}")
        return cls(secret.encode())

    @classmethod
    def from_file(cls, path: Path) -> KeyVault:
        """Return the vault of a key file, which is created with mode 0600 if it does not exist.

        Raises:
            VaultError: the file is readable by others, damaged, or cannot be read or created.
        """
        try:
            make_folder(path.parent)
            if not path.exists():
                create_file(path, secrets.token_bytes(KEY_BYTES).hex().encode() + b"\n")
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                content = file.read()
        except OSError as error:
            raise VaultError(f"the key file {path} must be readable, got: {error.strerror}") from error
        if mode & 0o077:
            raise VaultError(f"the key file {path} must be private to its user (mode 0600), got mode {mode:04o}")
        try:
            return cls(bytes.fromhex(content.decode("ascii").strip()))
        except ValueError as error:
            raise VaultError(f"the key file {path} must hold {KEY_BYTES} bytes in hexadecimal digits, got something else") from error

    def derive(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for a purpose such as ``result-urls``, the same in all processes with this master key."""
        return _expand(self._root, b"facemeld/derived/1/" + purpose.encode())

    def encrypt(self, secret: bytes, subject: str) -> bytes:
        """Encrypt a secret; decryption needs the same subject (the associated data)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, subject.encode())

    def decrypt(self, ciphertext: bytes, subject: str) -> bytes:
        """Decrypt a secret.

        Raises:
            VaultError: the master key or subject is another one, or the data is damaged.
        """
        try:
            return self._cipher.decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], subject.encode())
        except (InvalidTag, ValueError) as error:
            raise VaultError(f"the secret of {subject} must have been encrypted with this master key, got another one") from error


def _expand(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)
