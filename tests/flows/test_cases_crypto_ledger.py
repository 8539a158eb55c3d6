"""Cases 48 to 58 of crypto payments, each by its number: what customers report, and what the ledger can look like."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict, Gone, Invalid, NotFound
from provvypay.flows import transfer_claims
from provvypay.flows.transfer_claims import check_claims, submit
from provvypay.models.payment_link import PaymentLink
from tests.flows.conftest import Books
from tests.support.crypto_books import DUE, HBAR, held
from tests.support.database import Observer, acting_as
from tests.support.factories import Make
from tests.support.hedera import CUSTOMER, Ledger, unguarded

USDC = 80_333_334
AUDD = 120_500_000


def reported(link: PaymentLink, typed: str, observer: Observer) -> tuple[str, str]:
    """Report a transaction as the web would, look it up as the worker would; return what came of it."""
    with acting_as("web"):
        claim = submit(link.short_code, typed)
    transfer_claims.check(link.organization_id, claim.claim_id)
    return decided(claim.claim_id, observer)


def decided(claim_id: uuid.UUID, observer: Observer) -> tuple[str, str]:
    row = observer.sql("SELECT state, answer FROM transfer_claims WHERE id = :id", id=claim_id)[0]
    return row.state, row.answer


# ---------------------------------------------------------------- what customers report


def test_case_48_a_reported_transaction_is_verified_and_attached(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    sent = ledger.pay("HBAR", quoted, memo=link.short_code)

    assert reported(link, sent["sdk_transaction_id"], observer) == ("ATTACHED", "")
    assert books.status == "PAID"

    ledger.sweep()
    assert [row.found_by for row in ledger.transfers] == ["CLAIM"]
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}
    assert books.events.count("transfer.claimed") == books.events.count("transfer.found") == 1


def test_case_49_somebody_elses_transaction_is_refused(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer, make: Make
) -> None:
    with acting_as("web"):
        other = make.link(amount_minor=DUE, currency="AUD")
    ledger.quote(other, "HBAR")
    named = ledger.pay("HBAR", quoted, memo=other.short_code)
    elsewhere = ledger.pay("HBAR", quoted, memo=link.short_code, to="0.0.1002")
    unnamed = ledger.pay("HBAR", quoted)

    assert reported(link, named["transaction_id"], observer) == ("REFUSED", "claim_other_link")
    assert reported(link, elsewhere["transaction_id"], observer) == ("REFUSED", "claim_other_account")
    assert reported(other, unnamed["transaction_id"], observer) == ("ATTACHED", "claim_needs_confirmation")
    assert reported(link, unnamed["transaction_id"], observer) == ("REFUSED", "claim_used")
    # Looked up all the same: what it paid is paid by its own memo, and only once.
    assert (books.status, make.reload(other).status) == ("OPEN", "PAID")
    assert books.events.count("transfer.refused") == 3


def test_case_50_one_transaction_in_both_forms_is_one_row(
    ledger: Ledger, link: PaymentLink, quoted: int, observer: Observer
) -> None:
    sent = ledger.pay("HBAR", quoted, memo=link.short_code)
    with acting_as("web"):
        first = submit(link.short_code.lower(), sent["sdk_transaction_id"])
        again = submit(link.short_code, f" {sent['transaction_id']} ")

    assert first.claim_id == again.claim_id
    assert observer.count("transfer_claims", link.organization_id) == 1


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ("TOKEN_NOT_ASSOCIATED_TO_ACCOUNT", "claim_not_associated"),
        ("INSUFFICIENT_TOKEN_BALANCE", "claim_insufficient"),
        ("INVALID_SIGNATURE", "claim_not_signed"),
        ("FAIL_INVALID", "claim_failed"),
    ],
)
def test_case_51_a_failed_transaction_is_no_credit_whatever_it_shows(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer, *, result: str, answer: str
) -> None:
    sent = ledger.pay("USDC", USDC, memo=link.short_code, kind="failed", result=result, with_transfers=True)
    ledger.sweep()

    assert reported(link, sent["transaction_id"], observer) == ("REFUSED", answer)
    with acting_as("web"):
        assert "No money was" in submit(link.short_code, sent["transaction_id"]).sentence or answer == "claim_failed"
    assert (ledger.transfers, books.status, ledger.truth) == ([], "OPEN", {})


def test_case_52_sent_to_two_nodes_it_counts_once(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    sent = ledger.pay("HBAR", quoted, memo=link.short_code, kind="duplicate")
    ledger.sweep()

    assert reported(link, sent["transaction_id"], observer) == ("ATTACHED", "")
    assert ledger.in_the_books == ledger.truth == {"HBAR": quoted}
    assert books.status == "PAID"


def test_a_report_waits_for_the_ledger_and_for_no_longer_than_it_must(
    ledger: Ledger, link: PaymentLink, quoted: int, observer: Observer
) -> None:
    unguarded(observer, "UPDATE transfer_claims SET next_check_at = 'infinity' WHERE next_check_at IS NOT NULL")
    sent = ledger.pay("HBAR", quoted, memo=link.short_code, visible_after_seconds=30)
    with acting_as("web"):
        claim = submit(link.short_code, sent["transaction_id"])
        lost = submit(link.short_code, "0.0.2001@1767300030.5")
        later = ledger.pay("HBAR", 1, kind="scheduled", execute_after_seconds=3600)
        scheduled = submit(link.short_code, later["transaction_id"])
    assert check_claims() == 3
    assert [decided(one.claim_id, observer)[0] for one in (claim, lost, scheduled)] == ["PENDING"] * 3
    assert check_claims() == 0, "each has been told when to come again"

    ledger.sandbox.post("/clock", advance_seconds=40)
    unguarded(
        observer,
        "UPDATE transfer_claims SET next_check_at = clock_timestamp(), created_at = created_at - interval '11 minutes'"
        " WHERE link_id = :id",
        id=link.id,
    )
    assert check_claims() == 3

    assert decided(claim.claim_id, observer) == ("ATTACHED", "")
    assert decided(lost.claim_id, observer) == ("REFUSED", "claim_not_found")
    assert decided(scheduled.claim_id, observer) == ("REFUSED", "claim_not_carried_out")


def test_an_id_that_stays_unknown_is_searched_by_account_and_time(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    """A transaction can be on the ledger while its id is answered with 404."""
    sent = ledger.pay("HBAR", quoted, memo=link.short_code)
    with acting_as("web"):
        claim = submit(link.short_code, sent["transaction_id"])
    ledger.sandbox.fault(vendor="mirror_node", kind="error", status=404, pattern="/api/v1/transactions/*")
    unguarded(observer, "UPDATE transfer_claims SET created_at = created_at - interval '2 minutes'")

    transfer_claims.check(link.organization_id, claim.claim_id)

    assert decided(claim.claim_id, observer) == ("ATTACHED", "")
    assert books.status == "PAID"


def test_what_cannot_be_looked_up_is_said_at_once(
    ledger: Ledger, link: PaymentLink, quoted: int, observer: Observer, make: Make
) -> None:
    with acting_as("web"):
        for typed in ("", "paid!", "0x" + "ab" * 48, "0.0.2001", "0.0.2001@1767300030", "9" * 500):
            with pytest.raises(Invalid):
                submit(link.short_code, typed)
        with pytest.raises(NotFound):
            submit("7K4M9QXD", "0.0.2001@1767300030.5")
        with pytest.raises(NotFound):
            submit(make.link(status=LinkStatus.DRAFT).short_code, "0.0.2001@1767300030.5")
        with pytest.raises(Gone):
            submit(make.link(merchant=make.organization()).short_code, "0.0.2001@1767300030.5")
        for number in range(20):
            submit(link.short_code, f"0.0.2001@1767300030.{number + 1:09}")
        with pytest.raises(Conflict):
            submit(link.short_code, "0.0.2001@1767300031.5")


# ---------------------------------------------------------------- what the ledger can look like


def test_case_53_several_credits_are_summed_by_token(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay(
        "HBAR", quoted - 100, memo=link.short_code,
        also=[{"asset": "HBAR", "units": 100}, {"asset": "USDC", "units": 1_000_000}, {"to": "0.0.1002", "units": 5}],
    )  # fmt: skip
    ledger.watch()

    assert [(row.asset, row.amount) for row in ledger.transfers] == [("USDC", 1_000_000), ("HBAR", quoted)]
    assert books.status == "PAID"
    assert ledger.in_the_books == {"HBAR": quoted, "USDC": 1_000_000}


@pytest.mark.parametrize(
    ("kind", "asset", "units", "concern", "with_memo"),
    [
        ("child", "HBAR", HBAR, "CHILD", True),
        ("child", "USDC", USDC, "CHILD", True),
        ("contract_call", "HBAR", HBAR, "CONTRACT", True),
        ("airdrop", "USDC", USDC, "AIRDROP", True),
        ("batch", "HBAR", HBAR, "BATCH", True),
        ("doubled", "USDC", USDC, "DOUBLED_LINES", True),
        ("ethereum", "HBAR", HBAR, "CONTRACT", False),
    ],
)
def test_case_54_unusual_ways_are_recorded_and_a_person_confirms(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer,
    *, kind: str, asset: str, units: int, concern: str, with_memo: bool,
) -> None:  # fmt: skip
    ledger.quote(link, "USDC")
    ledger.pay(asset, units, memo=link.short_code if with_memo else None, kind=kind)
    ledger.sweep()

    assert [(row.asset, row.amount, row.concern) for row in ledger.transfers] == [(asset, units, concern)]
    assert books.status == "OPEN"
    kinds = [one[0] for one in held(observer, link)]
    assert kinds == ["UNCONFIRMED" if with_memo else "NO_MEMO"]
    assert ledger.in_the_books == {asset: units}


@pytest.mark.parametrize("kind", ["transfer", "scheduled", "approval"])
def test_case_54_a_schedule_and_an_allowance_settle_like_any_transfer(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, kind: str
) -> None:
    ledger.pay("HBAR", quoted, memo=link.short_code, kind=kind)
    ledger.sweep()

    assert (books.status, ledger.in_the_books) == ("PAID", {"HBAR": quoted})


@pytest.mark.parametrize("form", ["long_zero", "alias"])
def test_case_54_an_erc20_log_whose_memo_names_the_link_settles(
    crypto_on: None, sandbox: Any, observer: Observer, make: Make, link: PaymentLink, books: Books, form: str
) -> None:
    ledger = Ledger(sandbox, observer, make.merchant, alias=True)
    ledger.quote(link, "AUDD")
    ledger.pay("AUDD", AUDD, memo=link.short_code, to_form=form)
    ledger.watch()
    ledger.sweep()

    assert [(row.kind, row.asset, row.amount, row.sender) for row in ledger.transfers] == [
        ("erc20", "AUDD", AUDD, CUSTOMER)
    ]
    assert books.status == "PAID"
    assert books.balances == {"AUD": {"1054": DUE, "4000": -DUE}}
    assert ledger.in_the_books == {"AUDD": AUDD}


def test_erc20_beside_the_same_token_of_the_token_service_and_what_only_looks_like_it(
    ledger: Ledger, link: PaymentLink, books: Books, observer: Observer
) -> None:
    observer.sql(
        "INSERT INTO hedera_assets (network, entity_id, asset, kind, symbol, decimals, state, checked_at) VALUES"
        " ('testnet', '0.0.5000303', 'AUDD', 'hts', 'AUDD', 6, 'OK', clock_timestamp()) ON CONFLICT DO NOTHING"
    )
    ledger.quote(link, "AUDD")
    ledger.pay("0.0.5000303", AUDD // 2, memo=link.short_code, synthetic_log=True)
    ledger.pay("AUDD", AUDD // 2, memo=link.short_code)
    ledger.pay("0.0.5000667", AUDD, memo=link.short_code)  # another contract that calls itself AUDD
    ledger.pay("AUDD", AUDD, memo=link.short_code, kind="failed")
    ledger.sweep()

    assert [(row.kind, row.amount) for row in ledger.transfers] == [("hts", AUDD // 2), ("erc20", AUDD // 2)]
    assert books.status == "PAID"
    assert ledger.in_the_books == {"AUDD": AUDD}


def test_dust_with_a_good_memo_changes_nothing_and_rings_nobody(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    for _ in range(3):
        ledger.pay("HBAR", 1, memo=link.short_code)
    ledger.watch()

    assert [kind for kind, *_ in held(observer, link)] == ["UNVALUED"] * 3
    assert (books.status, books.balances) == ("OPEN", {})
    told = "SELECT muted FROM notifications WHERE organization_id = :org"
    assert {row.muted for row in observer.sql(told, org=link.organization_id)} == {True}
    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()
    assert books.status == "PAID"


def test_the_memo_decides_between_two_links_and_never_the_amount(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, make: Make
) -> None:
    with acting_as("web"):
        other = make.link(amount_minor=2 * DUE, currency="AUD")
    twice = ledger.quote(other, "HBAR")
    ledger.pay("HBAR", quoted, memo=other.short_code)
    ledger.pay("HBAR", twice, memo=link.short_code)
    ledger.watch()

    assert (books.status, books.exceptions) == ("PAID", ["OVER"])
    assert make.reload(other).status == "OPEN"


def test_the_right_id_of_another_network_is_an_unknown_token(
    ledger: Ledger, link: PaymentLink, books: Books, observer: Observer
) -> None:
    ledger.quote(link, "USDC")
    ledger.pay("0.0.456858", USDC, memo=link.short_code)
    ledger.watch()

    assert held(observer, link) == [("UNKNOWN_TOKEN", None, None)]
    assert books.status == "OPEN"


def test_case_55_a_fractional_fee_leaves_what_was_received(
    ledger: Ledger, link: PaymentLink, books: Books, observer: Observer
) -> None:
    ledger.quote(link, "USDC")
    ledger.pay("USDC", USDC, memo=link.short_code, fractional_fee={"numerator": 1, "denominator": 100})
    ledger.watch()

    assert books.status == "OPEN"
    assert [kind for kind, *_ in held(observer, link)] == ["SHORT"]
    assert ledger.in_the_books == {"USDC": USDC - USDC // 100} == {"USDC": ledger.truth["0.0.429274"]}


def test_case_56_paying_oneself_is_a_fact_without_a_journal(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay("HBAR", quoted, memo=link.short_code, kind="self")
    ledger.pay("AUDD", 5, payer=ledger.account, memo=link.short_code) if ledger.truth.get("0.0.5000202") else None
    ledger.sweep()

    assert (books.status, ledger.in_the_books, held(observer, link)) == ("OPEN", {}, [])
    assert {row.direction for row in ledger.transfers} <= {"SELF"}


def test_case_56_the_merchants_own_top_up_waits_in_suspense(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay("HBAR", quoted)
    ledger.watch()

    assert [(kind, account) for kind, _, account in held(observer, link)] == [("NO_MEMO", "2190")]


@pytest.mark.parametrize("style", ["single", "split"])
def test_case_57_only_the_merchants_own_lines_count(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, style: str
) -> None:
    """Fees of the network, a reward that came along, a fee the merchant paid itself: none is part of the payment."""
    ledger.sandbox.post("/mirror_node/settings", fee_style=style)
    ledger.pay("HBAR", quoted // 2, memo=link.short_code, staking_reward=125_000_000)
    ledger.pay("HBAR", quoted - quoted // 2, memo=link.short_code, fee_payer=ledger.account)
    ledger.watch()

    assert ledger.in_the_books == ledger.truth == {"HBAR": quoted}
    assert books.status == "PAID"


def test_case_58_a_pending_airdrop_is_no_payment_until_it_is_claimed(
    ledger: Ledger, link: PaymentLink, books: Books, observer: Observer
) -> None:
    ledger.pay("USDC", USDC, memo=link.short_code, kind="airdrop", pending=True)
    ledger.sweep()
    assert ledger.transfers == []

    (airdrop,) = [one for one in ledger.sandbox.get("/mirror_node/airdrops")["airdrops"] if one["to"] == ledger.account]
    ledger.sandbox.post(f"/mirror_node/airdrops/{airdrop['id']}/claim")
    ledger.sweep()

    assert [(row.asset, row.concern, row.name) for row in ledger.transfers] == [
        ("USDC", "AIRDROP", "TOKENCLAIMAIRDROP")
    ]
    assert [kind for kind, *_ in held(observer, link)] == ["NO_MEMO"]


def test_case_68_an_audd_link_in_another_currency_is_valued_by_the_cross_rate(
    ledger: Ledger, observer: Observer, make: Make
) -> None:
    with acting_as("web"):
        link = make.link(amount_minor=100_00, currency="USD")
    ledger.quote(link, "USDC")
    ledger.pay("AUDD", 100_000_000, memo=link.short_code)
    ledger.sweep()

    (kind, value, account), *_ = held(observer, link)
    assert (kind, account) == ("WRONG_TOKEN", "2100")
    assert 60_00 < value < 75_00, "AUD in USD, not one to one"
