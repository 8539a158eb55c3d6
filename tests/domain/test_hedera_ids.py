"""Hedera's names: what is read, what is refused and how it is said, and that nothing is lost in between."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provvypay.domain import hedera_ids as ids
from provvypay.domain.hedera_ids import NotAnId

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NANOS = st.integers(0, 10**19 - 1)
NUMBERS = st.integers(1, 2**63 - 1)
ACCOUNTS = NUMBERS.map(lambda number: f"0.0.{number}")


@pytest.mark.parametrize(("network", "checksum"), [("mainnet", "vfmkw"), ("testnet", "esxsf"), ("previewnet", "ogizo")])
def test_checksums_are_those_of_hip_15(network, checksum):
    assert ids.checksum_of("0.0.123", network) == checksum
    assert ids.with_checksum("0.0.123", network) == f"0.0.123-{checksum}"
    assert ids.normalize_account(f" 0.0.123-{checksum.upper()}\n", network) == "0.0.123"


@given(ACCOUNTS, st.integers(0, 4), st.integers(1, 25))
def test_a_wrong_letter_in_a_checksum_is_noticed(account, place, step):
    checksum = list(ids.checksum_of(account, "testnet"))
    checksum[place] = chr((ord(checksum[place]) - 97 + step) % 26 + 97)

    with pytest.raises(NotAnId):
        ids.normalize_account(f"{account}-{''.join(checksum)}", "testnet")


@given(ACCOUNTS)
def test_an_account_is_the_same_in_every_form_it_can_be_typed_in(account):
    shard, realm, number = account.split(".")
    forms = [
        account,
        f"{shard}.0{realm}.{number.zfill(19)}",
        ids.long_zero(account),
        "0x" + ids.long_zero(account)[2:].upper(),
        ids.with_checksum(account, "mainnet"),
    ]

    assert {ids.normalize_account(form, "mainnet") for form in forms} == {account}


def test_an_alias_stays_an_address_because_only_the_ledger_knows_whose_it_is():
    alias = "0xAC384C53F03855fa1b3616052f8ba32c6c2a2fec"

    assert ids.normalize_account(alias, "testnet") == alias.lower()
    assert ids.of_long_zero(alias) is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter your account id"),
        ("0.0.0", "no account with this number"),
        (f"0.0.{2**63}", "no account with this number"),
        ("0.0.123-esxsf", "an account of testnet; payments here are on mainnet"),
        ("0.0.123-aaaaa", "letters after 0.0.123 do not fit"),
        ("0.0.-5", "looks like 0.0.12345"),
        ("1001", "looks like 0.0.12345"),
        ("0.0.１００１", "looks like 0.0.12345"),
        ("0.0.1001 or 0.0.1002", "looks like 0.0.12345"),
        ("0xabc", "40 characters after 0x"),
        ("ac384c53f03855fa1b3616052f8ba32c6c2a2fec", "begins with 0x"),
    ],
)
def test_what_is_no_account_is_refused_with_a_reason(typed, said):
    with pytest.raises(NotAnId, match=said):
        ids.normalize_account(typed, "mainnet")


@given(ACCOUNTS, st.integers(0, 10**12 - 1), st.integers(0, 10**9 - 1))
def test_both_forms_of_a_transaction_id_are_one(account, seconds, nanos):
    forms = [f"{account}@{seconds}.{nanos}", f"{account}@{seconds}.{nanos:09d}", f"{account}-{seconds}-{nanos:09d}"]

    read = {ids.transaction_id(form) for form in forms}

    assert {one.mirror for one in read} == {f"{account}-{seconds}-{nanos:09d}"}
    assert {one.sdk for one in read} == {f"{account}@{seconds}.{nanos:09d}"}


def test_a_transaction_id_may_name_its_child_and_its_scheduled_half():
    found = ids.transaction_id(" 0.0.2@1767300030.82525000?scheduled/3 ")

    assert (found.mirror, found.scheduled, found.nonce) == ("0.0.2-1767300030-082525000", True, 3)


@pytest.mark.parametrize(
    "typed",
    [
        "", "0.0.2", "0.0.2@1767300030", "0.0.2@1767300030.1234567890", "0.0.0@1767300030.5", "0.0.2@-1.5",
        "0.0.2@1767300030-500000000", "0x" + "ab" * 48, "0.0.2@1767300030.5; DROP TABLE", "0.0.2@１767300030.5",
    ],
)  # fmt: skip
def test_nonsense_is_no_transaction_id(typed):
    with pytest.raises(NotAnId):
        ids.transaction_id(typed)


@given(NANOS, NANOS)
def test_timestamps_as_text_order_like_the_moments_they_are(one, other):
    first, second = ids.timestamp_of(one), ids.timestamp_of(other)

    assert (first < second) == (one < other)
    assert ids.nanos_of(first) == one
    assert ids.canonical_timestamp(first) == first


@given(NANOS, st.integers(-(10**9), 10**9))
def test_a_timestamp_moves_by_whole_seconds_and_keeps_its_nanoseconds(nanos, seconds):
    moved = nanos + seconds * ids.NANOS
    if moved >= 10**19:
        return

    assert ids.nanos_of(ids.shifted(ids.timestamp_of(nanos), seconds=seconds)) == max(0, moved)


@given(st.integers(0, 7 * 10**15).map(lambda us: EPOCH + dt.timedelta(microseconds=us)), st.integers(0, 999))
def test_what_is_finer_than_a_microsecond_is_cut(moment, finer):
    timestamp = ids.shifted(ids.timestamp_at(moment), nanos=finer)

    assert ids.moment_of(timestamp) == moment


@pytest.mark.parametrize("text", ["", "1.0000000000", "17673000300.1", "-1.5", "1.", ".5", "1,5", "١٢٣", "1e9"])
def test_nonsense_is_no_timestamp(text):
    with pytest.raises(NotAnId):
        ids.nanos_of(text)


def test_fewer_digits_are_a_fraction():
    assert ids.canonical_timestamp("1767300030.5") == "1767300030.500000000"
    assert ids.canonical_timestamp("1767300030") == "1767300030.000000000"
