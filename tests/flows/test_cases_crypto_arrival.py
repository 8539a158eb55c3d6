"""Cases 28 to 47 of crypto payments, each by its number: what arrives, and what it does to a link and the books.

Halves about what a person decides come with the inbox's actions.
"""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from provvypay.domain.statuses import LinkStatus
from provvypay.flows import create_link as links
from provvypay.flows import transfer_claims
from provvypay.flows.expire_links import expire_links
from provvypay.flows.stripe_payment import confirm, start_checkout
from provvypay.models.payment_link import PaymentLink
from tests.flows.conftest import Books
from tests.support.crypto_books import DUE, HBAR, ended, held, quotes_end
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make
from tests.support.hedera import RATES, Ledger, prices_are
from tests.support.sandbox import SandboxControl


def test_case_28_exact_amount_token_memo_and_time(ledger: Ledger, link: PaymentLink, books: Books, quoted: int) -> None:
    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()

    assert books.status == "PAID"
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}
    assert books.counts["settlements"] == 1
    assert books.exceptions == []
    assert ledger.in_the_books == {"HBAR": quoted}


@pytest.mark.parametrize(("asset", "account", "missing"), [("HBAR", "1051", 60), ("USDC", "1052", 12)])
def test_case_29_short_within_the_tolerance(
    ledger: Ledger, link: PaymentLink, books: Books, asset: str, account: str, missing: int
) -> None:
    units = ledger.quote(link, asset)
    ledger.pay(asset, units * (DUE - missing) // DUE + 1, memo=link.short_code)
    ledger.watch()

    assert books.status == "PAID"
    assert books.balances == {"AUD": {account: DUE - missing, "6120": missing, "4000": -DUE}}


def test_case_30_and_31_short_then_the_rest(ledger: Ledger, link: PaymentLink, books: Books, quoted: int) -> None:
    ledger.pay("HBAR", quoted - 10 * 10**8, memo=link.short_code)
    ledger.watch()

    assert books.status == "OPEN"
    assert books.balances == {"AUD": {"1051": DUE - 250, "2100": -(DUE - 250)}}
    assert books.exceptions == ["SHORT"]

    ledger.pay("HBAR", 10 * 10**8, memo=link.short_code)
    ledger.watch()

    assert books.status == "PAID"
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}
    assert (books.counts["payments"], books.counts["settlements"]) == (2, 1)


def test_case_32_a_part_and_then_the_end(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay("HBAR", quoted // 2, memo=link.short_code, seconds_ago=100)
    ledger.watch()
    ended(observer, link, seconds_ago=70)

    expire_links()

    assert books.status == "EXPIRED"
    assert held(observer, link) == [("SHORT", DUE // 2, "2100")]
    assert books.balances == {"AUD": {"1051": DUE // 2, "2100": -DUE // 2}}


def test_case_33_over(ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer) -> None:
    ledger.pay("HBAR", quoted + 4 * 10**8, memo=link.short_code)
    ledger.watch()

    assert books.status == "PAID"
    assert books.balances == {"AUD": {"1051": DUE + 100, "2100": -100, "4000": -DUE}}
    assert held(observer, link) == [("OVER", 100, "2100")]


def test_case_34_over_by_rounding_alone(ledger: Ledger, link: PaymentLink, books: Books, observer: Observer) -> None:
    units = ledger.quote(link, "USDC")
    assert units * RATES["USDC"] > DUE * 10**4
    ledger.pay("USDC", units + 1, memo=link.short_code)
    ledger.watch()

    assert books.status == "PAID"
    assert held(observer, link) == []
    assert "2100" not in books.balances["AUD"]


def test_case_35_late_is_never_lost(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ended(observer, link, seconds_ago=70)
    expire_links()
    assert books.status == "EXPIRED"

    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()

    assert books.status == "EXPIRED"
    assert books.balances == {"AUD": {"1051": DUE, "2100": -DUE}}
    assert held(observer, link) == [("LATE", DUE, "2100")]


def test_case_35_late_within_the_grace_settles(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    observer.sql(
        "UPDATE merchant_settings SET late_grace_seconds = 3600 WHERE organization_id = :org", org=link.organization_id
    )
    ended(observer, link, seconds_ago=70)
    expire_links()

    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()

    assert books.status == "PAID"
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}


@pytest.mark.parametrize(
    ("rate", "status", "kinds", "balances"),
    [
        ("0.23", "OPEN", ["SHORT"], {"1051": 110_86, "2100": -110_86}),
        ("0.27", "PAID", ["OVER"], {"1051": 130_14, "2100": -9_64, "4000": -DUE}),
    ],
    ids=["case 36 HBAR fell", "case 37 HBAR rose"],
)
def test_case_36_and_37_after_the_quote_the_rate_of_its_time_decides(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer, sandbox: SandboxControl,
    *, rate: str, status: str, kinds: list[str], balances: dict[str, int],
) -> None:  # fmt: skip
    quotes_end(observer, link, seconds_ago=30)
    prices_are(sandbox, observer, HBAR=rate)

    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()

    assert (books.status, books.exceptions) == (status, kinds)
    assert books.balances == {"AUD": balances}


def test_case_38_in_time_and_seen_late(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    """A record that appears behind newer ones, after the link has ended: it was in time, and settles."""
    ledger.pay("HBAR", quoted, memo=link.short_code, seconds_ago=100, visible_after_seconds=1)
    ended(observer, link, seconds_ago=90)
    expire_links()
    assert books.status == "EXPIRED"

    ledger.sandbox.post("/clock", advance_seconds=2)
    ledger.watch()

    assert books.status == "PAID"
    assert books.balances == {"AUD": {"1051": DUE, "4000": -DUE}}


def test_case_39_after_the_cancellation(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer, make: Make
) -> None:
    with acting_as("web"):
        links.cancel(link.organization_id, link.id, actor=make.merchant.actor)

    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.watch()

    assert books.status == "CANCELED"
    assert held(observer, link) == [("LATE", DUE, "2100")]


def test_case_40_a_link_that_is_paid_already(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    for _ in range(2):
        ledger.pay("HBAR", quoted, memo=link.short_code)
        ledger.watch()

    assert books.status == "PAID"
    assert books.balances == {"AUD": {"1051": 2 * DUE, "2100": -DUE, "4000": -DUE}}
    assert held(observer, link) == [("DOUBLE", DUE, "2100")]


def test_case_41_card_and_crypto_in_the_same_second(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, sandbox: SandboxControl
) -> None:
    sandbox.post("/stripe/hold")
    with acting_as("web"):
        url = start_checkout(link.short_code)
    sandbox.pay(url)
    ledger.pay("HBAR", quoted, memo=link.short_code)
    ledger.due()

    def one(number: int) -> None:
        with acting_as("worker"):
            confirm(url.rsplit("/", 1)[-1]) if number else ledger.watch()

    assert together(2, one) == [None, None]

    assert books.status == "PAID"
    assert books.counts["settlements"] == 1
    assert books.exceptions == ["DOUBLE"]
    assert books.balances["AUD"]["2100"] == -DUE


def test_case_42_a_token_the_customer_was_not_asked_for(
    ledger: Ledger, link: PaymentLink, books: Books, observer: Observer
) -> None:
    ledger.quote(link, "HBAR")
    ledger.pay("USDC", 80_333_334, memo=link.short_code)
    ledger.watch()

    assert books.status == "OPEN"
    assert books.balances == {"AUD": {"1052": DUE, "2100": -DUE}}
    assert held(observer, link) == [("WRONG_TOKEN", DUE, "2100")]


def test_case_43_a_token_nobody_knows_and_an_nft(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay("0.0.5000666", 120_500_000, memo=link.short_code)
    sent = ledger.pay("0.0.5000808", memo=link.short_code, kind="nft")
    with capture_logs() as logs:
        ledger.sweep()
        # An NFT stands in no list of an account's: only who is told of it finds it.
        claim = transfer_claims.submit(link.short_code, sent["transaction_id"])
        transfer_claims.check(link.organization_id, claim.claim_id)

    assert [(row.kind, row.asset, row.amount) for row in ledger.transfers] == [
        ("hts", None, 120_500_000), ("nft", None, 1),
    ]  # fmt: skip
    assert held(observer, link) == [("UNKNOWN_TOKEN", None, None)] * 2
    assert [entry["event"] for entry in logs].count("alert.unknown_token") == 2
    assert (books.status, books.balances, ledger.in_the_books) == ("OPEN", {}, {})


def test_case_44_no_memo_is_a_suggestion_at_most(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay("HBAR", quoted)
    ledger.watch()

    assert books.status == "OPEN"
    assert held(observer, link) == [("NO_MEMO", DUE, "2190")]
    suggested = observer.sql(
        "SELECT suggested_link_id FROM payment_exceptions WHERE organization_id = :org", org=link.organization_id
    )
    assert suggested[0][0] == link.id


def test_case_45_several_candidates_suggest_none(
    ledger: Ledger, link: PaymentLink, quoted: int, observer: Observer, make: Make
) -> None:
    with acting_as("web"):
        other = make.link(amount_minor=DUE, currency="AUD")
    ledger.quote(other, "HBAR")
    ledger.pay("HBAR", quoted)
    ledger.watch()

    assert held(observer, link) == [("NO_MEMO", DUE, "2190")]
    suggested = observer.sql(
        "SELECT suggested_link_id FROM payment_exceptions WHERE organization_id = :org", org=link.organization_id
    )
    assert suggested[0][0] is None


def test_case_46_the_memo_of_somebody_elses_link(
    ledger: Ledger, link: PaymentLink, quoted: int, observer: Observer, make: Make
) -> None:
    with acting_as("web"):
        theirs = make.link(amount_minor=DUE, currency="AUD", merchant=make.organization(name="Their Shop"))
    ledger.pay("HBAR", quoted, memo=theirs.short_code)
    with capture_logs() as logs:
        ledger.watch()

    assert held(observer, link) == [("UNKNOWN_MEMO", DUE, "2190")]
    assert held(observer, theirs) == []
    assert make.reload(theirs).status == "OPEN"
    assert [(row.concern, row.link_id) for row in ledger.transfers] == [("FOREIGN_MEMO", None)]
    assert "alert.foreign_memo" in [entry["event"] for entry in logs]


@pytest.mark.parametrize("form", ["lower", "spaced", "quoted"])
def test_case_47_case_spaces_and_quotes_of_a_memo(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, form: str
) -> None:
    code = link.short_code
    memo = {"lower": code.lower(), "spaced": f" {code[:4]} {code[4:]} ", "quoted": f"\"{code}'"}[form]
    ledger.pay("HBAR", quoted, memo=memo)
    ledger.watch()

    assert books.status == "PAID"


def test_a_look_alike_memo_names_no_link(
    ledger: Ledger, link: PaymentLink, books: Books, quoted: int, observer: Observer
) -> None:
    ledger.pay("HBAR", quoted, memo=link.short_code + "\u200b")
    ledger.watch()

    assert books.status == "OPEN"
    assert held(observer, link) == [("UNKNOWN_MEMO", DUE, "2190")]


def test_before_the_link_was_there_a_person_confirms(
    ledger: Ledger, link: PaymentLink, books: Books, observer: Observer
) -> None:
    ledger.quote(link, "HBAR")
    ledger.pay("HBAR", HBAR, memo=link.short_code, seconds_ago=600)
    ledger.sweep()

    assert (books.status, books.exceptions) == ("OPEN", ["UNCONFIRMED"] if books.counts["payments"] else ["UNVALUED"])


def test_links_of_every_state_take_their_money(ledger: Ledger, make: Make, observer: Observer) -> None:
    """Nothing that arrives is lost, whatever became of its link meanwhile."""
    for status in LinkStatus:
        if status is LinkStatus.NEW:
            continue
        with acting_as("web"):
            link = make.link(status=status, amount_minor=DUE, currency="AUD")
        ledger.pay("HBAR", HBAR, memo=link.short_code)
    ledger.watch()

    assert len(ledger.transfers) == 5
    assert ledger.in_the_books == {"HBAR": 5 * HBAR} == ledger.truth
