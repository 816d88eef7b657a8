"""Marks on results and inputs: visible label and logo, invisible mark, metadata, content credentials."""
