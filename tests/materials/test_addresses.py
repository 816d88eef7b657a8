"""Signed addresses of materials' pictures: each leads to one picture for five minutes, and cannot be forged."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemeld.materials.files import MaterialFiles
from facemeld.materials.lookup import ADDRESS_LIFE, MaterialAddresses
from facemeld.materials.lookup import PICTURE_PATH as PATH_PREFIX
from facemeld.materials.types import AddressExpired, AddressForged, Material, MaterialDeleted, MaterialStatus
from tests.tables import table

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PICTURE = b"the picture's bytes"


class Clock:
    """A clock that a test sets."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


def material(number: int = 1603586676924403712) -> Material:
    return Material(
        number=number,
        activity=1,
        name="a.png",
        status=MaterialStatus.MANUAL_PASSED,
        audit_result="",
        width=1,
        height=1,
        format="png",
        size=len(PICTURE),
        sha256="",
        shape_degree=None,
        feature_degree=None,
        faces=(),
        created_at=NOW,
        updated_at=NOW,
        deleted_at=None,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def files(tmp_path: Path) -> MaterialFiles:
    made = MaterialFiles(tmp_path / "materials")
    made.save(material().number, PICTURE, "png", b"plan")
    return made


@pytest.fixture
def addresses(files: MaterialFiles, clock: Clock) -> MaterialAddresses:
    return MaterialAddresses(files, b"k" * 32, clock)


def read(addresses: MaterialAddresses, address: str) -> tuple[bytes, str]:
    path, _, query = address.partition("?")
    return addresses.read(path, query)


def test_an_address_leads_to_its_picture(addresses: MaterialAddresses) -> None:
    address = addresses.sign(material())
    assert address.startswith(f"{PATH_PREFIX}mt_1603586676924403712.png?expires=")
    assert read(addresses, address) == (PICTURE, "png")


@pytest.mark.parametrize(("after", "fine"), [(timedelta(0), True), (ADDRESS_LIFE - timedelta(seconds=1), True), (ADDRESS_LIFE, False)])
def test_an_address_ends_after_five_minutes(addresses: MaterialAddresses, clock: Clock, after: timedelta, fine: bool) -> None:
    address = addresses.sign(material())
    clock.now = NOW + after
    if fine:
        assert read(addresses, address)[0] == PICTURE
    else:
        with pytest.raises(AddressExpired):
            read(addresses, address)


def test_a_deleted_material_has_no_picture(addresses: MaterialAddresses, files: MaterialFiles) -> None:
    address = addresses.sign(material())
    files.remove(material().number)
    with pytest.raises(MaterialDeleted):
        read(addresses, address)


def test_another_key_signs_other_addresses(addresses: MaterialAddresses, files: MaterialFiles, clock: Clock) -> None:
    with pytest.raises(AddressForged):
        read(addresses, MaterialAddresses(files, b"x" * 32, clock).sign(material()))
    with pytest.raises(ValueError, match="at least 32 bytes, got 5"):
        MaterialAddresses(files, b"short", clock)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_address_with_one_character_changed_is_refused(addresses: MaterialAddresses, data: st.DataObject) -> None:
    address = addresses.sign(material())
    at = data.draw(st.integers(0, len(address) - 1))
    character = data.draw(st.characters(exclude_characters=address[at]))
    with pytest.raises(AddressForged):
        read(addresses, address[:at] + character + address[at + 1 :])


@table("name", ["../../facemeld.sqlite3", "mt_1.png", "mt_1603586676924403712.jpg", "mt_1603586676924403712/plan.bin", ""])
def test_a_signature_belongs_to_one_picture(addresses: MaterialAddresses, name: str) -> None:
    other = re.sub(r"mt_\d+\.png", name, addresses.sign(material()))
    with pytest.raises(AddressForged):
        read(addresses, other)
