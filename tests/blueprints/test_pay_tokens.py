"""Paying with a token by hand: the choice, what to send where, what has come, and what strangers try."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import pytest
import time_machine

from provvypay.domain.statuses import LinkStatus, TransferConcern
from provvypay.flows import create_link, hedera_presence
from provvypay.kit import cache
from provvypay.kit import settings as kit_settings
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from tests.support.hedera import unguarded
from tests.support.hostile import MARKUP, planted
from tests.support.html import by_id, text_of
from tests.support.rates import refresh
from tests.support.statements import sent_by
from tests.support.tokens import arrives, quotes_of, takes_tokens, token_link

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def rates(app, sandbox):
    refresh()


@pytest.fixture
def account(make, observer):
    return takes_tokens(observer, make.merchant)


@pytest.fixture
def link(make, account):
    return token_link(make)


@pytest.fixture
def customer(new_client):
    return new_client()


def show(customer, link, **asked):
    return customer.get("pay.show", short_code=link.short_code, **asked)


def poll(customer, page):
    return customer.open("GET", page.element("payment_status").get("hx-get"), target="payment_status")


def choose(customer, link, asset="USDC"):
    """Press a token; return the page one is led to."""
    page = show(customer, link)
    (button,) = [one for one in page.all("button", value=asset) if one.get("formaction")]
    held = page.form(f"/p/{link.short_code}/card").values
    sent = customer.open("POST", button.get("formaction"), data=held | {"method": asset})
    assert (sent.status, sent.location) == (303, f"/p/{link.short_code}?pay={asset}")
    return customer.open("GET", sent.location)


def copied(page):
    """Return what the copy buttons would copy, by the label beside them."""
    fields = [one for one in page.all("div") if "copy-field" in (one.get("class") or "")]
    return {text_of(one.find(".//*[@class='label']")): one.find(".//button").get("data-copy") for one in fields}


# ---------------------------------------------------------------- the choice


def test_cards_and_tokens_are_equal_choices_with_exact_amounts(customer, link, observer):
    page = show(customer, link)

    buttons = [one for one in page.all("button") if "choice" in (one.get("class") or "")]
    assert [one.get("value") for one in buttons] == ["card", "USDC", "AUDD", "USDT", "HBAR"]
    assert all(one.get("disabled") is None for one in buttons)
    for asset in ("USDC", "HBAR"):
        choose(customer, link, asset)
    shown = page.text.replace(",", "")
    for given in quotes_of(observer, link.id):
        decimals = 8 if given["method"] == "HBAR" else 6
        assert f"{given['asset_amount'] / 10**decimals:.{decimals}f}" in shown
        assert f"1 {given['method']} = AUD {given['rate'].normalize():f}" in page.text


def test_looking_gives_no_price(customer, link, observer):
    before = observer.fingerprint(but=("hedera_cursors",))

    for asked in ({}, {"pay": "USDC"}, {"pay": "HBAR", "returned": "1"}, {"pay": "<b>"}):
        page = show(customer, link, **asked)
        poll(customer, page)

    assert page.element("payment_status").get("data-announce") == "Choose how to pay"
    assert observer.fingerprint(but=("hedera_cursors",)) == before


def test_a_token_that_is_not_offered_says_why_and_one_nobody_takes_is_not_there(make, customer, link, observer):
    observer.sql("UPDATE hedera_assets SET state = 'MISMATCH' WHERE asset = 'USDT'")
    observer.sql(
        "UPDATE merchant_settings SET accepted_assets = '{USDC,USDT}' WHERE organization_id = :id",
        id=link.organization_id,
    )
    try:
        page = show(customer, link)
        refused = customer.post("pay.attempts", {"method": "USDT"}, short_code=link.short_code)
    finally:
        observer.sql("UPDATE hedera_assets SET state = 'OK' WHERE asset = 'USDT'")

    assert page.element("pay_by_usdt").get("disabled") is not None
    assert "USDT is paused" in text_of(page.element("pay_by_usdt"))
    assert by_id(page.root, "pay_by_hbar") is None
    assert refused.status == 409
    assert "This token is not offered at the moment" in refused.text
    assert quotes_of(observer, link.id) == []


def test_a_merchant_who_takes_none_shows_cards_alone(make, customer, observer):
    link = token_link(make)

    page = show(customer, link)

    assert [one.get("value") for one in page.all("button") if "choice" in (one.get("class") or "")] == ["card"]
    assert "Hedera" not in page.text


def test_tokens_alone_are_a_way_to_pay(make, customer, account, observer):
    link = token_link(make, methods=("USDC",))

    page = show(customer, link)

    assert page.element("pay_by_card").get("disabled") is not None
    assert page.element("pay_by_usdc").get("disabled") is None
    assert "Send exactly" in choose(customer, link).text


def test_without_rates_cards_still_work(customer, link):
    with time_machine.travel(now() + 20 * MINUTE):
        page = show(customer, link)

    assert page.element("pay_by_card").get("disabled") is None
    assert "too old" in text_of(page.element("pay_by_usdc"))


def test_tokens_alone_without_rates_say_why_nothing_can_be_paid(make, customer, account):
    link = token_link(make, methods=("USDC",))

    with time_machine.travel(now() + 20 * MINUTE):
        page = show(customer, link)

    assert page.element("payment_status").get("data-announce") == "It can’t be paid right now"
    assert "The rate for USDC in AUD is too old" in page.text


# ---------------------------------------------------------------- by hand


def test_what_to_send_where_can_be_copied_plain(customer, link, observer, account):
    page = choose(customer, link)

    (given,) = quotes_of(observer, link.id)
    assert copied(page) == {
        "Amount in USDC": f"{given['asset_amount'] / 10**6:.6f}",
        "To account": account,
        "Memo": link.short_code,
        "Token ID of USDC": "0.0.429274",
    }
    assert f"QR code: {account}" in page.source
    assert "Hedera testnet" in page.text
    assert "Do not leave the memo out" in page.text
    assert "secret words" in page.text
    assert page.all("a", href=f"/p/{link.short_code}")


def test_hbar_has_no_token_id(customer, link):
    assert set(copied(choose(customer, link, "HBAR"))) == {"Amount in HBAR", "To account", "Memo"}


def test_the_countdown_is_the_servers(customer, link, observer):
    page = choose(customer, link)
    later = now() + 5 * MINUTE
    with time_machine.travel(later):
        again = show(customer, link, pay="USDC")

    (first,), (second,) = (
        [int(one.get("data-seconds")) for one in found.all("div") if one.get("data-seconds")] for found in (page, again)
    )
    assert 895 <= first <= 900
    assert first - second in range(299, 303)
    progress = [one for one in again.all("progress") if one.get("max") == "900"]
    assert [one.get("value") for one in progress] == [str(second)]


def test_whoever_waits_is_watched_for_and_whoever_forgot_the_page_is_not(customer, link, observer):
    (account,) = observer.sql("SELECT id FROM hedera_accounts WHERE organization_id = :id", id=link.organization_id)
    choose(customer, link)
    waiting = hedera_presence.is_watched(account.id)
    cache.connection().flushdb()

    show(customer, link, pay="USDC", since=str(int(now().timestamp()) - 1801))
    forgotten = hedera_presence.is_watched(account.id)
    show(customer, link, pay="USDC")

    assert (waiting, forgotten, hedera_presence.is_watched(account.id)) == (True, False, True)


def test_a_price_that_ended_is_asked_for_anew_by_a_click(customer, link, observer):
    choose(customer, link)
    unguarded(
        observer,
        "UPDATE payment_attempts SET created_at = created_at - interval '16 minutes',"
        " expires_at = expires_at - interval '16 minutes' WHERE link_id = :id",
        id=link.id,
    )

    page = show(customer, link, pay="USDC")
    sent = page.form(f"/p/{link.short_code}/attempts").submit(method="USDC")
    renewed = customer.open("GET", sent.location)

    assert "This price has ended" in page.text
    assert not copied(page)
    assert "Send exactly" in renewed.text
    assert len(quotes_of(observer, link.id)) == 2


def test_a_poll_with_nothing_new_costs_nothing_until_the_price_ends(customer, link):
    page = choose(customer, link)
    with transaction() as session:
        pass
    with sent_by(session) as sent:
        answer = poll(customer, page)
    assert (answer.status, len(sent)) == (204, 0)

    until = int(re.search(r"until=(\d+)", page.element("payment_status").get("hx-get"))[1])
    with time_machine.travel(dt.datetime.fromtimestamp(until, dt.UTC)):
        ended = poll(customer, page)
    assert ended.status == 200
    assert "This price has ended" in ended.text


def test_a_poll_while_waiting_reads_three_statements(customer, link):
    page = choose(customer, link)
    path = page.element("payment_status").get("hx-get").replace("seen=", "seen=x")
    with transaction() as session:
        pass
    with sent_by(session) as sent:
        answer = customer.open("GET", path, target="payment_status")

    assert (answer.status, len(sent)) == (200, 3)


@pytest.mark.parametrize("method", ["", "CARD", "BTC", "usdc", "USDC\x00", "<b>", "USDC" * 1000])
def test_a_method_nobody_offers_gives_no_price(customer, link, observer, method):
    answer = customer.post("pay.attempts", {"method": method}, short_code=link.short_code)

    assert answer.status == 409
    assert planted(answer.root) == []
    assert quotes_of(observer, link.id) == []


def test_no_price_without_a_token_of_the_form_and_none_for_another_links_amount(customer, link, observer):
    bare = customer.open("POST", f"/p/{link.short_code}/attempts", data={"method": "USDC"})
    customer.post(
        "pay.attempts",
        {"method": "USDC", "amount_minor": "1", "rate": "9999", "account": "0.0.1", "hedera_account_id": "x"},
        short_code=link.short_code,
    )

    assert bare.status == 400
    (given,) = quotes_of(observer, link.id)
    assert given["amount_minor"] == link.amount_minor


def test_too_many_prices_in_a_row_are_refused_in_words(customer, link, observer):
    answers = [customer.post("pay.attempts", {"method": "USDC"}, short_code=link.short_code).status for _ in range(14)]

    assert answers[:12] == [303] * 12
    assert answers[-1] == 429
    assert len(quotes_of(observer, link.id)) == 1


@pytest.mark.parametrize("status", [LinkStatus.DRAFT, None])
def test_a_draft_and_a_code_nobody_has_answer_alike(make, customer, status):
    code = make.link(status=status).short_code if status else "BBBBBBBB"

    for endpoint, data in (("pay.attempts", {"method": "USDC"}), ("pay.claim_transfer", {"transaction_id": "x"})):
        assert customer.post(endpoint, data, short_code=code).status == 404


def test_nothing_of_another_merchant_stands_on_the_page(make, customer, link, observer):
    other = make.organization(name="Kettle & Crane")
    theirs = takes_tokens(observer, other)
    their_link = token_link(make, merchant=other)
    choose(customer, their_link)

    page = choose(customer, link)

    assert theirs not in page.source
    assert their_link.short_code not in page.source
    for secret in (link.id, link.organization_id, make.merchant.owner.email):
        assert str(secret) not in page.source


@pytest.mark.parametrize("typed", MARKUP[:4])
def test_hostile_texts_stay_texts_in_every_face(make, customer, account, observer, typed):
    link = token_link(make, description=typed)
    page = choose(customer, link)
    units = quotes_of(observer, link.id)[0]["asset_amount"]
    arrives(observer, link, "USDC", units // 2, memo=typed)
    short = show(customer, link, pay="USDC")
    claimed = customer.post("pay.claim_transfer", {"transaction_id": typed, "pay": typed}, short_code=link.short_code)

    for found in (page, short, claimed):
        assert planted(found.root) == []
    assert claimed.status == 422


# ---------------------------------------------------------------- what has come


@pytest.fixture
def part(customer, link, observer):
    """A customer who sent 700 USDC of more."""
    choose(customer, link)
    arrives(observer, link, "USDC", 700_000000)
    return quotes_of(observer, link.id)[0]["asset_amount"]


def test_a_part_says_what_is_missing_and_asks_for_exactly_that(customer, link, part, observer):
    page = show(customer, link, pay="USDC")

    missing = next(value for label, value in copied(page).items() if label.startswith("Amount"))
    assert abs(float(missing) - (part / 10**6 - 700)) < 0.02
    assert f"{missing.rstrip('0').rstrip('.')} are missing" in page.text.replace(",", "")
    assert "We received 700 of" in page.text
    assert "is safe" in page.text
    assert copied(page)["Memo, as before"] == link.short_code
    arrives(observer, link, "USDC", round(float(missing) * 10**6))
    assert "Paid in full" in show(customer, link).text


def test_a_part_is_seen_by_the_next_poll_and_closes_the_card(customer, link, observer):
    page = choose(customer, link)
    arrives(observer, link, "USDC", 1_000000)

    answer = poll(customer, page)
    other = show(customer, link)

    assert answer.status == 200
    assert "Part received" in answer.text
    assert other.element("pay_by_card").get("disabled") is not None
    assert "a card would pay all of it again" in text_of(other.element("pay_by_card"))
    assert "is missing" in other.text


def test_after_a_part_the_card_page_is_not_opened(customer, link, part, observer):
    answer = customer.post("pay.card", short_code=link.short_code)

    assert answer.status == 410
    assert "a card would pay all of it again" in answer.text
    assert observer.sql("SELECT count(*) FROM checkout_sessions WHERE link_id = :id", id=link.id)[0][0] == 0


def test_what_was_sent_in_time_may_still_turn_a_page_whose_time_is_over(make, customer, account, observer):
    link = token_link(make, expires_at=now() + 6 * MINUTE)
    choose(customer, link)
    (given,) = quotes_of(observer, link.id)

    with time_machine.travel(now() + 7 * MINUTE):
        page = show(customer, link, pay="USDC")
        arrives(observer, link, "USDC", given["asset_amount"], at=link.expires_at - MINUTE)
        turned = poll(customer, page)

    assert "This payment link has expired" in page.text
    assert turned.status == 286
    assert "Paid in full" in turned.text


def test_a_mirror_node_that_is_silent_is_explained(customer, link, observer):
    page = choose(customer, link)
    observer.sql(
        "UPDATE hedera_cursors SET failures = 5, last_error = 'away' WHERE organization_id = :id",
        id=link.organization_id,
    )
    with time_machine.travel(now() + 2 * MINUTE):
        silent = show(customer, link, pay="USDC")

    assert "does not answer" not in page.text
    assert "public record does not answer at the moment" in silent.text


def test_paid_shows_token_rate_transaction_and_time(customer, link, observer):
    page = choose(customer, link)
    (given,) = quotes_of(observer, link.id)
    arrives(observer, link, "USDC", given["asset_amount"])

    answer = poll(customer, page)
    receipt = customer.get("pay.receipt", short_code=link.short_code)

    assert answer.status == 286
    for found in (answer, receipt):
        assert "USDC on Hedera" in found.text
        assert f"1 USDC = AUD {given['rate'].normalize():f}" in found.text
        assert "Consensus time" in found.text
        assert re.fullmatch(r"0\.0\.2002@\d{10}\.\d{9}", copied(found)["Transaction on Hedera testnet"])


def test_the_explorer_is_named_where_there_is_one(customer, link, observer, settings, monkeypatch):
    choose(customer, link)
    arrives(observer, link, "USDC", quotes_of(observer, link.id)[0]["asset_amount"])
    (moment,) = observer.sql("SELECT consensus_timestamp FROM hedera_transfers WHERE link_id = :id", id=link.id)
    address = f"https://hashscan.io/testnet/transaction/{moment.consensus_timestamp}"

    here = show(customer, link)
    real = dataclasses.replace(settings, hedera_mirror_node_url="https://testnet.mirrornode.hedera.com")
    monkeypatch.setattr(kit_settings, "_current", real)
    there = show(customer, link)

    assert not here.all("a", href=address)
    (way,) = there.all("a", href=address)
    assert way.get("rel") == "noopener noreferrer"


HELD = {
    "wrong token": ("USDT", 5_000000, None, "We received 5 USDT, which was not asked for"),
    "unusual": ("USDC", 5_000000, TransferConcern.CONTRACT, "We received 5 USDC in an unusual way"),
    "unknown": (None, 5, None, "We received a token that we cannot count"),
}


@pytest.mark.parametrize("case", HELD)
def test_what_does_not_count_by_itself_is_said_to_be_safe(customer, link, observer, case):
    asset, units, concern, words = HELD[case]
    page = choose(customer, link)
    arrives(observer, link, asset, units, concern=concern)

    for found in (poll(customer, page), show(customer, link)):
        assert words in found.text
        assert "Vale Bicycles" in found.text


def test_more_than_due_is_paid_and_said(customer, link, observer):
    choose(customer, link)
    (given,) = quotes_of(observer, link.id)
    arrives(observer, link, "USDC", given["asset_amount"] + 20_000000)

    page = show(customer, link)

    assert "Paid in full" in page.text
    assert re.search(r"You paid AUD \d+\.\d\d more than was due", page.text)


def test_twice_and_late_are_said_on_the_page_that_has_ended(make, customer, link, account, observer):
    choose(customer, link)
    units = quotes_of(observer, link.id)[0]["asset_amount"]
    arrives(observer, link, "USDC", units)
    arrives(observer, link, "USDC", units)
    late = token_link(make)
    choose(customer, late)
    create_link.cancel(late.organization_id, late.id, actor=make.merchant.actor)
    arrives(observer, late, "USDC", units)

    assert "Another payment arrived" in show(customer, link).text
    page = show(customer, late)
    assert "after the end" in page.text
    assert "Do not pay again" in page.text


# ---------------------------------------------------------------- "I have paid"

ID = "0.0.5901177@1763866934.182640119"


def report(customer, link, typed=ID):
    page = show(customer, link, pay="USDC")
    return page.form(f"/p/{link.short_code}/transfer-claims").submit(transaction_id=typed)


def test_a_reported_transaction_is_looked_for_and_said_so(customer, link, observer):
    choose(customer, link)

    sent = report(customer, link)
    page = customer.open("GET", sent.location)
    with time_machine.travel(now() + 2 * MINUTE):
        late = show(customer, link, pay="USDC")

    assert (sent.status, sent.location) == (303, f"/p/{link.short_code}?pay=USDC")
    assert "Seen by your wallet" in page.text
    assert "Waiting for the network" in page.text
    assert ID in page.text
    assert 'http-equiv="refresh"' in page.source
    assert "public record is behind" in late.text


def test_an_id_that_is_none_stays_in_its_field_with_what_to_do(customer, link, observer):
    choose(customer, link)

    answer = report(customer, link, "0.0.12")

    assert answer.status == 422
    assert answer.element("transaction_id").get("value") == "0.0.12"
    assert answer.element("transaction_id").get("aria-invalid") == "true"
    assert answer.element("claim").get("open") is not None
    assert observer.sql("SELECT count(*) FROM transfer_claims WHERE link_id = :id", id=link.id)[0][0] == 0


def test_a_refused_claim_says_why(customer, link, observer):
    choose(customer, link)
    report(customer, link)
    observer.sql(
        "UPDATE transfer_claims SET state = 'REFUSED', next_check_at = NULL, answer = 'claim_other_account'"
        " WHERE link_id = :id",
        id=link.id,
    )

    page = show(customer, link, pay="USDC")

    assert "This transaction does not pay this link" in page.text
    assert "paid another account than the one shown here" in page.text
    assert "Waiting for your payment" in page.text


def test_one_may_report_to_a_link_that_has_ended(make, customer, link):
    choose(customer, link)
    create_link.cancel(link.organization_id, link.id, actor=make.merchant.actor)

    page = show(customer, link)
    sent = page.form(f"/p/{link.short_code}/transfer-claims").submit(transaction_id=ID)
    waiting = customer.open("GET", sent.location)

    assert waiting.element("payment_status").get("hx-trigger") is not None
    assert "We are looking for your transaction" in waiting.text


def test_too_many_reports_are_refused(customer, link):
    choose(customer, link)

    statuses = [report(customer, link, f"0.0.2@17638669{number:02}.1").status for number in range(8)]

    assert statuses[0] == 303
    assert statuses[-1] == 429
