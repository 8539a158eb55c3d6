"""Short numbers people read aloud: the random end of an id, so that they tell nobody how much a merchant does."""

from __future__ import annotations

import uuid


def journal_number(journal_id: uuid.UUID) -> str:
    """Return a journal's number, like J-4F0A92C1."""
    return _number("J", journal_id)


def receipt_number(settlement_id: uuid.UUID) -> str:
    """Return the number of a receipt: one for each settlement."""
    return _number("R", settlement_id)


def exception_number(exception_id: uuid.UUID) -> str:
    """Return a payment exception's number."""
    return _number("X", exception_id)


def _number(letter: str, row_id: uuid.UUID) -> str:
    return f"{letter}-{row_id.hex[-8:].upper()}"
