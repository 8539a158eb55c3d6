"""Make short codes that cannot be guessed."""

from __future__ import annotations

import secrets

from provvypay.domain.short_codes import ALPHABET, LENGTH


def make() -> str:
    """Return a new short code: 26^8 = 2.1e11 possibilities from the system's random source."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
