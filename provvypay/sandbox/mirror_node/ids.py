"""How the network writes accounts, moments and transactions. Entities are numbers here, moments nanoseconds."""

import base64
import hashlib
import re

NANOS = 1_000_000_000
LARGEST_NUM = 2**38 - 1
_ENTITY = re.compile(r"(?:0\.0\.)?(\d{1,12})(?:-[a-z]{5})?")
_EVM = re.compile(r"(?:0x)?([0-9a-fA-F]{40})")
_BASE32 = re.compile(r"[A-Z2-7]{32}")
_TIMESTAMP = re.compile(r"(\d{1,10})(?:\.(\d{1,9}))?")
_SDK = re.compile(r"(?:0\.0\.)?(\d{1,12})@(\d{1,10})\.(\d{1,9})")
_MIRROR = re.compile(r"(?:0\.0\.)?(\d{1,12})-(\d{1,10})-(\d{1,9})")


def entity(num: int | None) -> str | None:
    """Return an id as the mirror node writes it, such as 0.0.1001."""
    return None if num is None else f"0.0.{num}"


def entity_num(text: str) -> int | None:
    """Return the number of 0.0.1001, 1001 or 0.0.1001-abcde; None when it is none of them."""
    found = _ENTITY.fullmatch(text)
    return int(found[1]) if found and int(found[1]) <= LARGEST_NUM else None


def evm(text: str) -> str | None:
    """Return 40 lower-case hex digits, or None when the text is no EVM address."""
    found = _EVM.fullmatch(text)
    return found[1].lower() if found else None


def base32(address: str) -> str:
    """Return an EVM address as the mirror node writes aliases."""
    return base64.b32encode(bytes.fromhex(address)).decode().rstrip("=")


def address_of_base32(text: str) -> str | None:
    """Return the EVM address a base32 alias of twenty bytes stands for, or None."""
    return base64.b32decode(text).hex() if _BASE32.fullmatch(text) else None


def long_zero(num: int) -> str:
    """Return the EVM address that is an entity's number, without 0x."""
    return f"{num:040x}"


def num_of_long_zero(address: str) -> int | None:
    """Return the entity's number when an address is the long-zero form of one."""
    num = int(address, 16)
    return num if num <= LARGEST_NUM else None


def derived(subject: str, length: int) -> str:
    """Return hex digits that look random and are the same every time: keys, addresses, hashes.

    :param length: bytes, at most 64
    """
    return hashlib.sha512(subject.encode()).hexdigest()[: 2 * length]


def stamp(ns: int) -> str:
    """Return a moment as the mirror node writes it, such as 1767300030.000000001."""
    return f"{ns // NANOS}.{ns % NANOS:09d}"


def nanos(text: str) -> int | None:
    """Return the nanoseconds of `seconds` or `seconds.fraction`; None for more than nine decimals, or no number."""
    found = _TIMESTAMP.fullmatch(text)
    return int(found[1]) * NANOS + int((found[2] or "").ljust(9, "0")) if found else None


def transaction_id(payer: int, valid_start: int) -> str:
    """Return a transaction's id as the mirror node writes it: 0.0.2002-1767300030-500000000."""
    return f"0.0.{payer}-{valid_start // NANOS}-{valid_start % NANOS:09d}"


def sdk_id(payer: int, valid_start: int) -> str:
    """Return a transaction's id as wallets write it: 0.0.2002@1767300030.500000000."""
    return f"0.0.{payer}@{valid_start // NANOS}.{valid_start % NANOS:09d}"


def read_mirror_id(text: str) -> tuple[int, int] | None:
    """Return payer and valid start of an id in the mirror node's form, or None.

    Its nanoseconds are a whole number there: `-5` is five of them.
    """
    found = _MIRROR.fullmatch(text)
    return (int(found[1]), int(found[2]) * NANOS + int(found[3])) if found else None


def read_any_id(text: str) -> tuple[int, int] | None:
    """Return payer and valid start of an id in either form, or None. Wallets may leave leading zeros of nanos away."""
    found = _SDK.fullmatch(text)
    return (int(found[1]), int(found[2]) * NANOS + int(found[3])) if found else read_mirror_id(text)
