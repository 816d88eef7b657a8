"""The vault: encryption of secrets, and the source of its key."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.accounts.types import VaultError
from facemeld.accounts.vault import KeyVault

ONE = KeyVault.from_secret("one master secret that is long enough")
OTHER = KeyVault.from_secret("another master secret, long enough too")
OPEN = (
    "import sys, pathlib; "
    "from facemeld.accounts.vault import KeyVault; print(KeyVault.from_file(pathlib.Path(sys.argv[1])).derive('test').hex())"
)


@given(st.binary(max_size=200), st.text(max_size=40))
def test_what_was_encrypted_can_be_read_back(secret: bytes, subject: str) -> None:
    ciphertext = ONE.encrypt(secret, subject)
    assert ONE.decrypt(ciphertext, subject) == secret
    assert ONE.encrypt(secret, subject) != ciphertext


@given(st.data())
def test_a_changed_ciphertext_is_refused(data: st.DataObject) -> None:
    ciphertext = bytearray(ONE.encrypt(b"the secret", "AKID"))
    position = data.draw(st.integers(0, len(ciphertext) - 1))
    ciphertext[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VaultError):
        ONE.decrypt(bytes(ciphertext), "AKID")


@pytest.mark.parametrize(("vault", "subject"), [(OTHER, "AKID1"), (ONE, "AKID2")], ids=["another key", "another subject"])
def test_a_ciphertext_belongs_to_its_key_and_subject(vault: KeyVault, subject: str) -> None:
    with pytest.raises(VaultError):
        vault.decrypt(ONE.encrypt(b"the secret", "AKID1"), subject)


@given(st.binary(max_size=28))
def test_a_truncated_ciphertext_is_refused(ciphertext: bytes) -> None:
    with pytest.raises(VaultError):
        ONE.decrypt(ciphertext, "AKID")


def test_derived_keys_differ_by_purpose_and_by_master_key() -> None:
    keys = {ONE.derive("a"), ONE.derive("b"), OTHER.derive("a")}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {32}
    assert ONE.derive("a") == KeyVault.from_secret("one master secret that is long enough").derive("a")


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_short_master_secret_is_refused(secret: str) -> None:
    with pytest.raises(VaultError, match=f"got {len(secret)}"):
        KeyVault.from_secret(secret)


def test_the_key_file_is_created_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"
    ciphertext = KeyVault.from_file(path).encrypt(b"secret", "AKID")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyVault.from_file(path).decrypt(ciphertext, "AKID") == b"secret"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    KeyVault.from_file(path)
    path.chmod(mode)
    with pytest.raises(VaultError, match=f"got mode {mode:04o}"):
        KeyVault.from_file(path)


@pytest.mark.parametrize("content", [b"", b"abcd", b"not hexadecimal" * 5, b"\xff" * 64])
def test_a_damaged_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(VaultError, match="must h"):
        KeyVault.from_file(path)


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VaultError, match="must be readable"):
        KeyVault.from_file(tmp_path / "file" / "master.key")


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", OPEN, str(tmp_path / "data" / "master.key")]
    openers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({opener.communicate(timeout=60)[0] for opener in openers}) == 1
    assert [opener.returncode for opener in openers] == [0] * 4
