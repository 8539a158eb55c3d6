"""Reading a record: what the merchant's account got of each asset, whatever else the record shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provvypay.domain.hedera_credits import (
    MOST_UNITS,
    TRANSFER_TOPIC,
    Movement,
    addresses_of,
    logged_movements,
    movements,
    topic_of,
)
from provvypay.domain.hedera_records import Line, LogEntry, NftLine, TokenLine, TransactionRecord
from provvypay.domain.statuses import TransferConcern as Concern

MERCHANT, PAYER, OTHER, FEES = "0.0.1001", "0.0.2001", "0.0.2003", "0.0.802"
USDC, AUDD, UNKNOWN = "0.0.429274", "0.0.5000202", "0.0.5000666"
REGISTRY = {("native", "HBAR"): "HBAR", ("hts", USDC): "USDC", ("erc20", AUDD): "AUDD"}
FEE = 140_000


def record(
    *lines: tuple[str, int],
    tokens: tuple[tuple[str, str, int], ...] = (),
    rewards: tuple[tuple[str, int], ...] = (),
    payer: str = PAYER,
    fee: int = FEE,
    **more: object,
) -> TransactionRecord:
    """Return a record whose fee is among its lines already."""
    made = TransactionRecord(
        consensus_timestamp="1767300033.000000001",
        transaction_id=f"{payer}-1767300030-500000000",
        valid_start="1767300030.500000000",
        nonce=0,
        scheduled=False,
        parent_consensus_timestamp=None,
        name="CRYPTOTRANSFER",
        result="SUCCESS",
        payer=payer,
        entity_id=None,
        charged_fee_units=fee,
        memo=b"",
        memo_base64="",
        transaction_hash="",
        transfers=tuple(Line(account, amount) for account, amount in lines),
        token_transfers=tuple(TokenLine(token, account, amount) for token, account, amount in tokens),
        nft_transfers=(),
        staking_rewards=tuple(Line(account, amount) for account, amount in rewards),
        raw="{}",
    )
    return replace(made, **more)  # type: ignore[arg-type]


BATCH, EARLIER = "1767300033.000000000", "1767300000.000000001"


def hbar(amount: int, *, direction: str = "IN", sender: str | None = PAYER, concern: Concern | None = None) -> Movement:
    return Movement(direction, "native", "HBAR", "HBAR", amount, sender, concern)


def usdc(amount: int, *, direction: str = "IN", sender: str | None = PAYER, concern: Concern | None = None) -> Movement:
    return Movement(direction, "hts", USDC, "USDC", amount, sender, concern)


PAID_FEE = ((PAYER, -FEE), (FEES, FEE))
PAID = record((PAYER, -500 - FEE), (MERCHANT, 500), (FEES, FEE))
TOKENS = record(*PAID_FEE, tokens=((USDC, PAYER, -10), (USDC, MERCHANT, 10)))

CASES = {
    "hbar, fee beside it": (PAID, [hbar(500)]),
    "an older record, whose fee is shared": (
        record((PAYER, -500 - FEE), (MERCHANT, 500), ("0.0.3", 5), ("0.0.98", 100), ("0.0.800", FEE - 105)),
        [hbar(500)],
    ),
    "a staking reward came along": (
        record((PAYER, -500 - FEE), (MERCHANT, 525), ("0.0.800", -25), (FEES, FEE), rewards=((MERCHANT, 25),)),
        [hbar(500)],
    ),
    "the customer's staking reward": (
        record((PAYER, -475 - FEE), (MERCHANT, 500), ("0.0.800", -25), (FEES, FEE), rewards=((PAYER, 25),)),
        [hbar(500)],
    ),
    "only a staking reward": (
        record((MERCHANT, 25), ("0.0.800", -25), *PAID_FEE, rewards=((MERCHANT, 25),)),
        [],
    ),
    "the merchant paid the fee": (
        record((PAYER, -500_000), (MERCHANT, 500_000 - FEE), (FEES, FEE), payer=MERCHANT),
        [hbar(500_000)],
    ),
    "the merchant paid a fee larger than the payment": (
        record((PAYER, -500), (MERCHANT, 500 - FEE), (FEES, FEE), payer=MERCHANT),
        [hbar(500)],
    ),
    "a fee alone": (record((MERCHANT, -FEE), (FEES, FEE), payer=MERCHANT), []),
    "a child's fee is its parent's": (
        record((PAYER, -500), (MERCHANT, 500), payer=MERCHANT, fee=77, nonce=1),
        [hbar(500, concern=Concern.CHILD)],
    ),
    "a token": (TOKENS, [usdc(10)]),
    "two assets under one memo": (
        record((PAYER, -7 - FEE), (MERCHANT, 7), (FEES, FEE), tokens=((USDC, PAYER, -10), (USDC, MERCHANT, 10))),
        [hbar(7), usdc(10)],
    ),
    "a fractional fee: what was received counts": (
        record(*PAID_FEE, tokens=((USDC, PAYER, -1000), (USDC, MERCHANT, 990), (USDC, "0.0.901", 10))),
        [usdc(990)],
    ),
    "several senders": (
        record(*PAID_FEE, tokens=((USDC, PAYER, -4), (USDC, OTHER, -6), (USDC, MERCHANT, 10))),
        [usdc(10, sender=None)],
    ),
    "two lines that differ are added": (
        record(*PAID_FEE, tokens=((USDC, PAYER, -10), (USDC, MERCHANT, 4), (USDC, MERCHANT, 6))),
        [usdc(10)],
    ),
    "every line twice: the money moved once": (
        record(*PAID_FEE, tokens=((USDC, PAYER, -10), (USDC, PAYER, -10), (USDC, MERCHANT, 10), (USDC, MERCHANT, 10))),
        [usdc(10, concern=Concern.DOUBLED_LINES)],
    ),
    "somebody else's spender": (
        replace(PAID, payer=OTHER, transfers=(Line(PAYER, -500, True), Line(MERCHANT, 500), Line(OTHER, -FEE))),
        [hbar(500)],
    ),
    "a look-alike token": (
        record(*PAID_FEE, tokens=((UNKNOWN, PAYER, -10), (UNKNOWN, MERCHANT, 10))),
        [Movement("IN", "hts", UNKNOWN, None, 10, PAYER, None)],
    ),
    "a token whose id is an ERC-20's": (
        record(*PAID_FEE, tokens=((AUDD, PAYER, -10), (AUDD, MERCHANT, 10))),
        [Movement("IN", "hts", AUDD, None, 10, PAYER, None)],
    ),
    "an NFT": (
        record(*PAID_FEE, nft_transfers=(NftLine(USDC, 1, PAYER, MERCHANT), NftLine(USDC, 2, PAYER, MERCHANT))),
        [Movement("IN", "nft", USDC, None, 2, PAYER, None)],
    ),
    "money that goes out": (
        record((MERCHANT, -500 - FEE), (PAYER, 500), (FEES, FEE), payer=MERCHANT),
        [hbar(500, direction="OUT", sender=MERCHANT)],
    ),
    "paying oneself": (
        record((MERCHANT, 500), (MERCHANT, -500 - FEE), (FEES, FEE), payer=MERCHANT),
        [hbar(500, direction="SELF", sender=MERCHANT)],
    ),
    "to somebody else": (record((PAYER, -500 - FEE), (OTHER, 500), (FEES, FEE)), []),
    "a schedule's transfer": (replace(PAID, scheduled=True, parent_consensus_timestamp=EARLIER), [hbar(500)]),
    "inside a batch": (replace(PAID, parent_consensus_timestamp=BATCH), [hbar(500, concern=Concern.BATCH)]),
    "from an EVM wallet": (replace(PAID, name="ETHEREUMTRANSACTION"), [hbar(500, concern=Concern.CONTRACT)]),
    "from a contract": (replace(PAID, name="CONTRACTCALL"), [hbar(500, concern=Concern.CONTRACT)]),
    "an airdrop": (replace(TOKENS, name="TOKENAIRDROP"), [usdc(10, concern=Concern.AIRDROP)]),
    "a claimed airdrop": (replace(TOKENS, name="TOKENCLAIMAIRDROP"), [usdc(10, concern=Concern.AIRDROP)]),
    "a pending airdrop": (record(*PAID_FEE, name="TOKENAIRDROP"), []),
    "a treasury's mint": (
        record(*PAID_FEE, tokens=((USDC, MERCHANT, 10),), name="TOKENMINT"),
        [usdc(10, sender=None, concern=Concern.OTHER_KIND)],
    ),
    "a kind nobody has heard of": (replace(PAID, name="UNKNOWN"), [hbar(500, concern=Concern.OTHER_KIND)]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_record_is_read_as_what_the_account_got(case: str) -> None:
    read, expected = CASES[case]

    assert list(movements(read, MERCHANT, REGISTRY)) == expected


@pytest.mark.parametrize(
    "result",
    ["DUPLICATE_TRANSACTION", "FAIL_INVALID", "SUCCESS_BUT_MISSING_EXPECTED_OPERATION", "success", "UNKNOWN", ""],
)
def test_nothing_moved_without_success_exactly(result: str) -> None:
    assert movements(replace(PAID, result=result), MERCHANT, REGISTRY) == ()
    assert logged_movements(replace(CALL, result=result), [log(5)], MERCHANT, ADDRESSES, REGISTRY) == ()


# ------------------------------------------------------------------------------------------------------ any record

ACCOUNTS = [MERCHANT, PAYER, OTHER, FEES, "0.0.800"]
UNITS = st.integers(-(10**19), 10**19)


@given(
    gains=st.lists(st.integers(1, 10**18), max_size=3),
    rewards=st.dictionaries(st.sampled_from([MERCHANT, PAYER, OTHER]), st.integers(1, 10**9), max_size=3),
    payer=st.sampled_from([MERCHANT, PAYER, OTHER]),
    fee=st.integers(1, 10**9),
    order=st.randoms(),
)
def test_what_was_sent_is_what_is_read_whatever_fees_and_rewards_do(gains, rewards, payer, fee, order) -> None:
    """The truth is what was sent; the record nets fee and rewards into the same lines."""
    net: dict[str, int] = {}
    for account, amount in [
        (MERCHANT, sum(gains)), (OTHER, -sum(gains)), (payer, -fee), (FEES, fee),
        *rewards.items(), ("0.0.800", -sum(rewards.values())),
    ]:  # fmt: skip
        net[account] = net.get(account, 0) + amount
    lines = [(account, amount) for account, amount in net.items() if amount]
    order.shuffle(lines)

    found = movements(record(*lines, rewards=tuple(rewards.items()), payer=payer, fee=fee), MERCHANT, REGISTRY)

    if net.get(MERCHANT):
        assert [(one.direction, one.amount_units) for one in found] == ([("IN", sum(gains))] if gains else [])
        assert all(one.sender == OTHER for one in found)


@given(
    lines=st.lists(st.tuples(st.sampled_from(ACCOUNTS), UNITS), max_size=8),
    tokens=st.lists(st.tuples(st.sampled_from([USDC, UNKNOWN]), st.sampled_from(ACCOUNTS), UNITS), max_size=8),
)
def test_whatever_a_record_holds_a_movement_fits_its_row(lines, tokens) -> None:
    found = movements(record(*lines, tokens=tuple(tokens)), MERCHANT, REGISTRY)

    assert len({one.entity_id for one in found}) == len(found)
    for one in found:
        assert one.amount_units > 0
        assert one.asset is None or one.amount_units <= MOST_UNITS
        assert (one.kind == "native") == (one.entity_id == "HBAR")


# ---------------------------------------------------------------------------------------------------------- ERC-20

ALIAS = "0x" + "ab" * 20
ADDRESSES = addresses_of(MERCHANT, ALIAS)
CALL = record(*PAID_FEE, name="CONTRACTCALL", entity_id=AUDD)
NOBODY = "0x" + "0" * 40


def log(amount: int, *, to: str = ALIAS, sender: str = addresses_of(PAYER, None)[0], **more: object) -> LogEntry:
    topics = (TRANSFER_TOPIC, topic_of(sender), topic_of(to))
    made = LogEntry(AUDD, CALL.consensus_timestamp, "0x00", 0, topics, amount.to_bytes(32), "{}")
    return replace(made, **more)  # type: ignore[arg-type]


def audd(amount: int, *, sender: str | None = PAYER, concern: Concern | None = None) -> Movement:
    return Movement("IN", "erc20", AUDD, "AUDD", amount, sender, concern)


LOGGED = {
    "to the alias": ([log(5)], [audd(5)]),
    "to the number": ([log(5, to=ADDRESSES[0])], [audd(5)]),
    "two in one call": ([log(5), log(6, index=1, to=ADDRESSES[0])], [audd(11)]),
    "the same log on two pages": ([log(5), log(5)], [audd(5)]),
    "from a wallet without a number": ([log(5, sender="0x" + "cd" * 20)], [audd(5, sender="0x" + "cd" * 20)]),
    "a mint": ([log(5, sender=NOBODY)], [audd(5, sender=None, concern=Concern.OTHER_KIND)]),
    "nothing": ([log(0)], []),
    "to oneself": (
        [log(5, sender=ALIAS)],
        [Movement("SELF", "erc20", AUDD, "AUDD", 5, MERCHANT, None)],
    ),
    "to somebody else": ([log(5, to="0x" + "cd" * 20)], []),
    "of another contract": ([log(5, contract_id=UNKNOWN)], []),
    "a token's synthetic log": ([log(5, contract_id=USDC)], []),
    "another event": ([log(5, topics=("0x" + "11" * 32, *log(5).topics[1:]))], []),
    "an NFT's, with a fourth topic": ([log(5, topics=(*log(5).topics, topic_of("0x01")))], []),
    "another record's": ([log(5, consensus_timestamp="1767300033.000000002")], []),
    "too short": ([log(5, data=b"\x05")], []),
    "more than there is": ([log(2**255)], [Movement("IN", "erc20", AUDD, None, 2**255, PAYER, None)]),
}


@pytest.mark.parametrize("case", LOGGED)
def test_logs_are_read_as_what_the_account_got(case: str) -> None:
    logs, expected = LOGGED[case]

    assert list(logged_movements(CALL, logs, MERCHANT, ADDRESSES, REGISTRY)) == expected


def test_a_log_of_anything_but_a_call_needs_a_person() -> None:
    found = logged_movements(replace(CALL, name="CRYPTOTRANSFER"), [log(5)], MERCHANT, ADDRESSES, REGISTRY)

    assert list(found) == [audd(5, concern=Concern.OTHER_KIND)]
