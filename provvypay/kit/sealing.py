"""Secrets in the database are sealed: AES-256-GCM, bound to where they stand, with the name of the key beside them.

A sealed text reads `v1.<key>.<nonce>.<ciphertext and tag>`. What it is bound to (organization, table, column, row) is
not stored but given again to open it, so a text moved to another row opens nowhere. The first key of ENCRYPTION_KEY
seals; the others only open what they sealed, until `provvypay rotate-keys` has sealed it anew
(docs/how-to/rotate-the-encryption-key.md).
"""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = "v1"
_NONCE_BYTES = 12
KEY_HEX = 64
"""characters of a key: 32 bytes as hexadecimal"""


class CannotOpen(Exception):
    """The sealed text was changed, moved or cut, or its key is not among ours. Says nothing about what it holds."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed text stands, and nowhere else."""

    organization_id: uuid.UUID
    table: str
    column: str
    row_id: uuid.UUID

    def bound(self, key_id: str) -> bytes:
        """Return the associated data."""
        return "|".join((str(self.organization_id), self.table, self.column, str(self.row_id), key_id)).encode()


_keys: dict[str, AESGCM] = {}
_current = ""


def configure(keys: str | None) -> None:
    """Take the keys of the process, parted by commas; the first one seals."""
    global _current  # noqa: PLW0603 - one process, one set of keys
    _keys.clear()
    _current = ""
    for one in (keys or "").split(","):
        if not one.strip():
            continue
        raw = bytes.fromhex(one.strip())
        key_id = hashlib.sha256(raw).hexdigest()[:8]
        _keys[key_id] = AESGCM(raw)
        _current = _current or key_id


def is_ready() -> bool:
    """Say whether there is a key to seal with."""
    return bool(_current)


def current_key() -> str:
    """Return the id of the key that seals.

    :raises RuntimeError: when there is none
    """
    if not _current:
        raise RuntimeError("ENCRYPTION_KEY is not set; nothing can be sealed")
    return _current


def key_of(sealed: str) -> str:
    """Return the id of the key a text was sealed with; empty for what is not sealed."""
    parts = sealed.split(".")
    return parts[1] if len(parts) == 4 and parts[0] == _VERSION else ""


def seal(plain: str, place: Place) -> str:
    """Return the text sealed for one place.

    :raises RuntimeError: when there is no key
    """
    key_id = current_key()
    nonce = os.urandom(_NONCE_BYTES)
    hidden = _keys[key_id].encrypt(nonce, plain.encode(), place.bound(key_id))
    return ".".join((_VERSION, key_id, _encoded(nonce), _encoded(hidden)))


def unseal(sealed: str, place: Place) -> str:
    """Return what was sealed for this place.

    :raises CannotOpen: for anything else, whatever is wrong with it
    """
    key = _keys.get(key_of(sealed))
    if key is None:
        raise CannotOpen(f"{place.table}.{place.column} of {place.row_id}: no key of ours")
    _, key_id, nonce, hidden = sealed.split(".")
    try:
        return key.decrypt(_decoded(nonce), _decoded(hidden), place.bound(key_id)).decode()
    except (InvalidTag, ValueError) as error:
        raise CannotOpen(f"{place.table}.{place.column} of {place.row_id}: not what was sealed there") from error


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
