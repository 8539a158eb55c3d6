"""Identifiers: time-ordered UUIDs for rows, random tokens for secrets."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid


def uuid7() -> uuid.UUID:
    """Return a version 7 UUID: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562 §5.7).

    Rows that are made together lie together in an index. PostgreSQL has `uuidv7()` only from 18 on, and 15 must serve.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= secrets.randbits(12) << 64
    value |= 0b10 << 62
    value |= secrets.randbits(62)
    return uuid.UUID(int=value)


def secret_token() -> str:
    """Return a URL-safe token of 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return the SHA-256 of a token: what is stored instead of the token itself."""
    return hashlib.sha256(token.encode()).digest()
