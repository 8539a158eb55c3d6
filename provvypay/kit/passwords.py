"""Password hashing with argon2id, and the rules a new password must meet."""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 12
MAX_LENGTH = 128

# RFC 9106's second recommended option (64 MiB, 3 passes), with 1 lane because web threads share two cores.
_hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)

# Verified when no account matches, so that a wrong address takes as long as a wrong password.
_DUMMY = _hasher.hash("a password nobody has chosen")

_COMMON_STEMS = (
    "password", "passwort", "qwerty", "qwertz", "azerty", "123456", "654321", "letmein", "welcome", "iloveyou",
    "administrator", "changeme", "trustno1", "football", "baseball", "dragon", "monkey", "superman", "sunshine",
    "princess", "abc123", "provvypay",
)  # fmt: skip


def refusal(password: str, *, context: tuple[str, ...] = ()) -> str | None:
    """Return a sentence that says why this password cannot be used, or None.

    :param context: words an attacker would try first, such as the person's name, address and organization
    Source: NIST SP 800-63B §5.1.1.2 (length over composition; refuse what is common or derived from the context)
    """
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters. A few words in a row are easy to remember."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if len(set(password)) < 5:
        return "Use more different characters."
    plain = "".join(character for character in _normal(password).lower() if character.isalnum())
    for stem in _COMMON_STEMS:
        # What is left once the well-known part is gone must still be long enough to guess slowly.
        if stem in plain and len(plain.replace(stem, "")) < 8:
            return "That is one of the first passwords anyone would try. Choose words that belong to nothing public."
    for word in context:
        for part in _words(word):
            if part in plain and len(plain.replace(part, "")) < 8:
                return "Leave out your name, your address and your organization’s name."
    return None


def hash_password(password: str) -> str:
    """Return the argon2id hash, with its parameters, as one text."""
    return _hasher.hash(_normal(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Say whether the password fits; takes as long for a missing hash as for a wrong one."""
    if len(password) > 1000:
        return False
    try:
        fits = _hasher.verify(stored or _DUMMY, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return fits and stored is not None


def needs_rehash(stored: str) -> bool:
    """Say whether the hash was made with older parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def _normal(password: str) -> str:
    # The same characters typed on another keyboard may arrive decomposed.
    return unicodedata.normalize("NFC", password)


def _words(text: str) -> list[str]:
    cut = "".join(character if character.isalnum() else " " for character in text.lower())
    return [word for word in cut.split() if len(word) >= 4]
