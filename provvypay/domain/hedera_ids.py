"""Hedera's names for accounts, transactions and moments: read strictly, kept in one canonical form, never as a float.

Reference: HIP-15 (address checksums), docs.hedera.com on account ids, aliases and transaction ids, read November 2026.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

LEDGER_IDS = {"mainnet": b"\x00", "testnet": b"\x01", "previewnet": b"\x02"}

NANOS = 10**9
_MOST_NUMBER = 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_ID = re.compile(r"(\d{1,5})\.(\d{1,5})\.(\d{1,19})")
_ID_WITH_CHECKSUM = re.compile(r"(\d+\.\d+\.\d+)-([a-zA-Z]{5})")
_EVM = re.compile(r"0x[0-9a-fA-F]{40}")
_TRANSACTION = re.compile(
    r"(\d+\.\d+\.\d+)(?:@(\d{1,12})\.(\d{1,9})|-(\d{1,12})-(\d{1,9}))(?P<scheduled>\?scheduled)?(?:/(?P<nonce>\d{1,9}))?"
)
_TIMESTAMP = re.compile(r"(\d{1,10})(?:\.(\d{1,9}))?")

# HIP-15's constants: two sums of digits, one of weighted digits, all put into five letters.
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_P3, _P5, _WEIGHT, _PERMUTATION = 26**3, 26**5, 31, 1_000_003


class NotAnId(ValueError):
    """What was typed names nothing on Hedera; the text is a sentence for people."""


# ------------------------------------------------------------------------------------------------------- accounts


def account_id(typed: str) -> str:
    """Return `0.0.x` without leading zeros.

    :raises NotAnId: for anything else, also for a checksum or an address
    """
    found = _ID.fullmatch(typed) if typed.isascii() else None
    if found is None:
        raise NotAnId("An account id looks like 0.0.12345.")
    shard, realm, number = (int(part) for part in found.groups())
    if not 0 < number <= _MOST_NUMBER:
        raise NotAnId("There is no account with this number.")
    return f"{shard}.{realm}.{number}"


def normalize_account(typed: str, network: str) -> str:
    """Return what a person typed as `0.0.x`, or as `0x…` in small letters for an alias, which only the ledger resolves.

    :param typed: `0.0.x`, the same with its checksum, or an EVM address of either form
    :raises NotAnId: and says why: not an account, or a checksum of another network or account
    """
    text = typed.strip(" \t\r\n\u00a0")
    if not text:
        raise NotAnId("Enter your account id, like 0.0.12345.")
    if _EVM.fullmatch(text):
        address = text.lower()
        return of_long_zero(address) or address
    if checked := _ID_WITH_CHECKSUM.fullmatch(text):
        return _checked(account_id(checked[1]), checked[2].lower(), network)
    if re.fullmatch(r"[0-9a-fA-F]{40}", text):
        raise NotAnId("An EVM address begins with 0x.")
    if re.fullmatch(r"0x[0-9a-fA-F]*", text):
        raise NotAnId("An EVM address has 40 characters after 0x.")
    return account_id(text)


def _checked(account: str, checksum: str, network: str) -> str:
    if checksum_of(account, network) == checksum:
        return account
    for other in LEDGER_IDS:
        if checksum_of(account, other) == checksum:
            raise NotAnId(f"This is an account of {other}; payments here are on {network}.")
    raise NotAnId(f"The letters after {account} do not fit it: please check the number.")


def checksum_of(account: str, network: str) -> str:
    """Return the five letters of HIP-15 for an account on a network.

    :param account: canonical, `0.0.x`
    """
    digits = [10 if char == "." else int(char) for char in account]
    even, odd = sum(digits[0::2]) % 11, sum(digits[1::2]) % 11
    weighted = 0
    for digit in digits:
        weighted = (weighted * _WEIGHT + digit) % _P3
    ledger = 0
    for byte in (*LEDGER_IDS[network], *bytes(6)):
        ledger = (ledger * _WEIGHT + byte) % _P5
    sums = ((len(digits) % 5 * 11 + even) * 11 + odd) * _P3 + weighted + ledger
    left = sums % _P5 * _PERMUTATION % _P5
    letters = ""
    for _ in range(5):
        left, letter = divmod(left, 26)
        letters = _LETTERS[letter] + letters
    return letters


def with_checksum(account: str, network: str) -> str:
    """Return `0.0.x-abcde`: as wallets show it, never as the mirror node takes it."""
    return f"{account}-{checksum_of(account, network)}"


def is_evm(text: str) -> bool:
    """Say whether this is an EVM address of either form."""
    return _EVM.fullmatch(text) is not None


def long_zero(account: str) -> str:
    """Return the EVM form that is made of the number alone: `0x` and 40 hex digits.

    :param account: canonical, of shard and realm 0
    :raises NotAnId: for another shard or realm
    """
    shard, realm, number = account_id(account).split(".")
    if (shard, realm) != ("0", "0"):
        raise NotAnId("Only accounts of shard 0 and realm 0 have this address.")
    return f"0x{int(number):040x}"


def of_long_zero(address: str) -> str | None:
    """Return the account a long-zero address stands for; None for an alias, which says nothing about the number."""
    if not is_evm(address):
        return None
    number = int(address, 16)
    return f"0.0.{number}" if 0 < number <= _MOST_NUMBER else None


# --------------------------------------------------------------------------------------------------- transactions


@dataclass(frozen=True, slots=True)
class TransactionId:
    """Who pays the fee and since when it was valid: several records may share one."""

    payer: str
    valid_start: str
    """seconds.nanoseconds; the client's clock, not when it was paid"""
    nonce: int | None = None
    """which child is meant; None when the text does not say"""
    scheduled: bool | None = None
    """True when the executed half of a schedule is meant; None when the text does not say"""

    @property
    def mirror(self) -> str:
        """Return the mirror node's form, `0.0.2002-1767300030-500000000`: the one we store."""
        return f"{self.payer}-{self.valid_start.replace('.', '-')}"

    @property
    def sdk(self) -> str:
        """Return the form of wallets and SDKs, `0.0.2002@1767300030.500000000`."""
        return f"{self.payer}@{self.valid_start}"


def transaction_id(typed: str) -> TransactionId:
    """Read a transaction id in either form; nanoseconds may lack their leading zeros, as SDKs print them.

    :raises NotAnId: and says what one looks like
    """
    text = typed.strip(" \t\r\n\u00a0")
    found = _TRANSACTION.fullmatch(text) if text.isascii() else None
    if found is None:
        raise NotAnId("A transaction id looks like 0.0.12345@1767300030.500000000.")
    seconds, nanos = found[2] or found[4], found[3] or found[5]
    return TransactionId(
        account_id(found[1]),
        f"{int(seconds)}.{int(nanos):09d}",
        int(found["nonce"]) if found["nonce"] else None,
        True if found["scheduled"] else None,
    )


# -------------------------------------------------------------------------------------------- consensus timestamps


def nanos_of(timestamp: str) -> int:
    """Return a timestamp as whole nanoseconds since 1970.

    :param timestamp: `seconds.nnnnnnnnn`; fewer digits are a fraction, as the mirror node reads them
    :raises NotAnId: for anything else
    """
    found = _TIMESTAMP.fullmatch(timestamp) if timestamp.isascii() else None
    if found is None:
        raise NotAnId("A consensus timestamp looks like 1767300030.500000000.")
    return int(found[1]) * NANOS + int((found[2] or "").ljust(9, "0"))


def timestamp_of(nanos: int) -> str:
    """Return the canonical text: ten digits, a point, nine digits; texts then order like moments.

    :raises NotAnId: before 1970, or beyond ten digits
    """
    if not 0 <= nanos < 10**10 * NANOS:
        raise NotAnId("This is no moment of Hedera's.")
    seconds, rest = divmod(nanos, NANOS)
    return f"{seconds:010d}.{rest:09d}"


def canonical_timestamp(timestamp: str) -> str:
    """Return a timestamp in its canonical form.

    :raises NotAnId: as nanos_of()
    """
    return timestamp_of(nanos_of(timestamp))


def shifted(timestamp: str, *, seconds: int = 0, nanos: int = 0) -> str:
    """Return the timestamp so much later, or earlier when negative; never before 1970."""
    return timestamp_of(max(0, nanos_of(timestamp) + seconds * NANOS + nanos))


def moment_of(timestamp: str) -> dt.datetime:
    """Return the moment with the microseconds that fit a datetime; what is finer is cut, never rounded up."""
    return _EPOCH + dt.timedelta(microseconds=nanos_of(timestamp) // 1000)


def timestamp_at(moment: dt.datetime) -> str:
    """Return the timestamp of a moment, to its microsecond."""
    return timestamp_of((moment - _EPOCH) // dt.timedelta(microseconds=1) * 1000)
