"""The keys that mark the results of an installation, from the settings or the data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facemeld.marks.authority import SigningIdentity, load_identity, local_identity
from facemeld.settings.catalogue import Settings

if TYPE_CHECKING:
    from facemeld.accounts.vault import KeyVault

_MARK_PURPOSE = "invisible-mark"


def signing_identity(settings: Settings) -> SigningIdentity | None:
    """Return the signer of results, or None if results are not signed.

    It is the certificate in the settings, else the local authority in the data folder, made on first use.

    Raises:
        SigningUnavailable: the certificate cannot be used, or the data folder cannot be written.
    """
    if not settings.marks.credentials:
        return None
    if settings.signing.certificate is None:
        return local_identity(settings.data / "signing")
    return load_identity(settings.signing.certificate, settings.signing.key, settings.signing.callback, settings.signing.algorithm)


def vault(settings: Settings) -> KeyVault:
    """Return the vault of the master key, whose file is made on first use.

    Raises:
        VaultError: the key is too short or its file cannot be used.
    """
    # Imported here, because a fusion without a server seldom needs the database libraries that come with it.
    from facemeld.accounts.vault import KeyVault

    if settings.master_key is not None:
        return KeyVault.from_secret(settings.master_key.get_secret_value())
    return KeyVault.from_file(settings.data / "master.key")


def mark_key(keys: KeyVault) -> bytes:
    """Return the key of the invisible mark, 32 bytes."""
    return keys.derive(_MARK_PURPOSE)


def existing_mark_key(settings: Settings) -> bytes:
    """Return the key of the invisible mark if the installation has a master key, else empty.

    Raises:
        VaultError: the master key cannot be used.
    """
    if settings.master_key is None and not (settings.data / "master.key").exists():
        return b""
    return mark_key(vault(settings))
