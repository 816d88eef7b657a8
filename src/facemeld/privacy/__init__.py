"""Consents of people shown in results, the deletion of those results, and signed receipts of it."""

from facemeld.privacy.errors import DeletionInvalid, NothingToDelete, PrivacyError, ReceiptInvalid, ReceiptNotFound
from facemeld.privacy.receipts import ReceiptSigner, parse_receipt, render_receipt, verify_receipt
from facemeld.privacy.store import PrivacyStore
from facemeld.privacy.types import Consent, DeletedCall, DeletedFile, Demand, Receipt

__all__ = [
    "Consent",
    "DeletedCall",
    "DeletedFile",
    "DeletionInvalid",
    "Demand",
    "NothingToDelete",
    "PrivacyError",
    "PrivacyStore",
    "Receipt",
    "ReceiptInvalid",
    "ReceiptNotFound",
    "ReceiptSigner",
    "parse_receipt",
    "render_receipt",
    "verify_receipt",
]
