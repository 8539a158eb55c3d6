"""Identifiers: time-ordered UUIDs for rows, random tokens for secrets."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """Return a version 7 UUID, greater than every one this process made before (RFC 9562 §5.7, §6.2 method 2).

    48 bits of Unix milliseconds, then 73 random bits. Rows that are made together lie together in an index, and in the
    order in which they were made: a sale stands before its payment. PostgreSQL has `uuidv7()` only from 18 on, and 15
    must serve.
    """
    global _last  # noqa: PLW0603 - the order is the process's
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= secrets.randbits(12) << 64
    value |= 0b10 << 62
    value |= secrets.randbits(61)  # the topmost bit stays free, so that counting on does not run over
    with _lock:
        if value <= _last:
            value = _last + 1 + secrets.randbits(32)
        _last = value
    return uuid.UUID(int=value)


def secret_token() -> str:
    """Return a URL-safe token of 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return the SHA-256 of a token: what is stored instead of the token itself."""
    return hashlib.sha256(token.encode()).digest()
