"""A token per pay page that changes whenever the page would: a poll with nothing new ends without the database.

Redis only hurries: without it every poll reads the row. The reader takes the token *before* it reads the row, so that a
change committed in between leaves a token the reader does not have. A token lives 15 seconds, so that a process killed
between its commit and touch() delays a page by no more than that.
"""

from __future__ import annotations

import secrets

from provvypay.kit import cache

_SECONDS = 15


def face_token(short_code: str) -> str | None:
    """Return the token of a link's present face, or None when there is none or Redis does not answer."""
    return cache.get_text(key(short_code))


def new_face_token(short_code: str) -> str:
    """Make and keep a token for a face that is about to be read; without Redis it is simply never seen again."""
    token = secrets.token_urlsafe(9)
    cache.set_text(key(short_code), token, seconds=_SECONDS)
    return token


def touch(short_code: str) -> None:
    """Say that a link's face changed: whoever holds the old token reads the row at the next poll. After the commit."""
    new_face_token(short_code)


def key(short_code: str) -> str:
    """Return where the token stands in Redis, for who reads it along with something else."""
    return f"face:{short_code}"
