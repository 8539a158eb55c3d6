"""What the memo of a transaction says: strict UTF-8, and a short code only when its bytes spell one."""

from __future__ import annotations

import re

from provvypay.domain.short_codes import ALPHABET, LENGTH

MOST_BYTES = 100
"""what the network takes"""

_SHORT_CODE = re.compile(rb"[%s]{%d}" % (ALPHABET.encode(), LENGTH))
_REFUND_MEMO = re.compile(rb"R-[%s]{%d}" % (ALPHABET.encode(), LENGTH))
_FORGIVEN = b" \"'"


def memo_text(memo: bytes) -> str | None:
    """Return a memo as text; None when it is no UTF-8, too long, or holds a NUL, which PostgreSQL cannot keep."""
    if len(memo) > MOST_BYTES or b"\0" in memo:
        return None
    try:
        return memo.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return None


def named_code(memo: bytes) -> str | None:
    """Return the short code a memo names, or None.

    ASCII letters are put into upper case, ASCII spaces and quotes are left out, and nothing is looser than that: what
    only looks like a code (another alphabet's letter, a zero-width character, a hyphen) names no link. Compared as
    bytes, so that no rule of Unicode can make two texts equal.
    """
    if len(memo) > MOST_BYTES:
        return None
    found = memo.translate(None, _FORGIVEN).upper()
    return found.decode("ascii") if _SHORT_CODE.fullmatch(found) else None


def named_refund(memo: str | None) -> str | None:
    """Return the one-time memo of a refund that a transfer's memo names, or None; read as strictly as a short code."""
    found = (memo or "").encode().translate(None, _FORGIVEN).upper()
    return found.decode("ascii") if _REFUND_MEMO.fullmatch(found) else None
