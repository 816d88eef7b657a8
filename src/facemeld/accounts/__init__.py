"""Accounts: their keys, credit and charges, rates, and the vault that encrypts secrets."""
