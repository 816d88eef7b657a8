"""Checks that what signs results is in force."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from cryptography import x509

from facemeld.db import Clock
from facemeld.marks.authority import SigningIdentity
from facemeld.services.upkeep.checks import Check, Report, Trouble

SOON = timedelta(days=30)
"""How long before its end a certificate is a trouble."""


def signing_check(identity: Callable[[], SigningIdentity | None], clock: Clock) -> Check:
    """Whether every certificate that signs results is in force, and will be for a while.

    Args:
        identity: Gives who signs; None where results are not signed.
        clock: The present moment in UTC.
    """

    def look() -> Report:
        signer = identity()
        if signer is None:
            return Report("results are not signed")
        now = clock()
        certificates = x509.load_pem_x509_certificates(signer.chain.encode())
        advice = "Replace the certificate (FACEMELD_SIGNING_CERTIFICATE)."
        if signer.local:
            advice = "Move the folder signing in the data folder away: the next start makes a new local authority."
        troubles = tuple(
            Trouble(f"{_name(one)} is in force from {one.not_valid_before_utc:%Y-%m-%d} to {one.not_valid_after_utc:%Y-%m-%d} only", advice)
            for one in certificates
            if now < one.not_valid_before_utc or now > one.not_valid_after_utc - SOON
        )
        until = min(one.not_valid_after_utc for one in certificates)
        kind = "the local authority" if signer.local else _name(certificates[0])
        return Report(f"{kind}, in force until {until:%Y-%m-%d}", troubles)

    return Check("signing", look, "Check the settings FACEMELD_SIGNING_…, or move the folder signing in the data folder away.")


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
