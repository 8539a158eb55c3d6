"""The pay page: every face, the poll that costs nothing, the way to the card page and back, and what strangers try."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
import time_machine

from provvypay.domain.statuses import LinkStatus
from provvypay.flows import create_link, live
from provvypay.kit import cache
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment import CheckoutSession, Payment, PaymentAttempt
from tests.support.hostile import MARKUP, planted
from tests.support.statements import sent_by

FINAL = [LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED]


@pytest.fixture
def link(make, sandbox):
    return make.link(amount_minor=120_50, description="A red bicycle", reference="INV-9")


@pytest.fixture
def customer(new_client):
    return new_client()


def show(customer, link, **asked):
    return customer.get("pay.show", short_code=link.short_code, **asked)


def poll(customer, path):
    return customer.open("GET", path, target="payment_status")


def poll_path(page):
    return page.element("payment_status").get("hx-get")


def start(customer, link):
    """Click on "Card", as a browser would; return the answer."""
    return show(customer, link).form(f"/p/{link.short_code}/card").submit(method="card")


def came_back(customer, url, link):
    session_id = url.rsplit("/", 1)[-1]
    return customer.get("pay.card_return", short_code=link.short_code, session_id=session_id)


# ---------------------------------------------------------------- the page


def test_until_when_it_can_be_paid_says_year_and_zone(customer, make):
    link = make.link(expires_at=now() + dt.timedelta(days=3))

    said = show(customer, link).text

    local = link.expires_at.astimezone(ZoneInfo(make.merchant.time_zone))
    assert f"Pay until {local.day} {local:%b %Y, %H:%M:%S} {local:%Z}" in said


def test_the_page_says_who_asks_for_what(customer, link):
    page = show(customer, link)

    assert page.status == 200
    assert all(words in page.text for words in ("Vale Bicycles", "120.50", "A red bicycle", "INV-9", "Card"))
    assert page.element("pay_by_card").get("disabled") is None


def test_the_page_works_without_a_script(customer, link):
    page = show(customer, link)

    (form,) = [one for one in page.all("form") if one.get("action") == f"/p/{link.short_code}/card"]
    assert form.get("method") == "post"
    assert form.get("hx-post") is None


def test_the_pages_headers_let_the_form_out_and_nothing_else(customer, link, settings):
    page = show(customer, link)

    policy = page.headers["Content-Security-Policy"]
    assert f"form-action 'self' {settings.stripe_checkout_origin};" in policy
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


def test_only_the_pay_page_may_lead_to_the_checkout(signed_in, customer, settings):
    for page in (signed_in().get("links.index"), customer.get("public.landing")):
        assert settings.stripe_checkout_origin not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (LinkStatus.PAID, "Receipt"),
        (LinkStatus.EXPIRED, "This payment link has expired"),
        (LinkStatus.CANCELED, "This payment link was canceled"),
    ],
)
def test_each_end_has_its_face_and_no_way_to_pay(make, customer, status, words):
    link = make.link(status=status)

    page = show(customer, link)

    assert words in page.text
    assert not page.all("form")
    assert page.element("payment_status").get("hx-trigger") is None


def test_the_receipt_names_number_time_and_payment(make, customer):
    link = make.link(amount_minor=120_50)
    arrived = make.incoming_payment(link)
    make.settled(link, arrived)

    page = show(customer, link)

    assert re.search(r"R-[0-9A-F]{8}", page.text)
    assert arrived.provider_reference in page.text
    assert "AEDT" in page.text or "AEST" in page.text


@pytest.mark.parametrize("code", ["BBBBBBBB", "nope", "AAAAAAAA", "B" * 500, "..%2f..%2fetc", "<b>", "%00", "७७७७७७७७"])
def test_a_code_nobody_has_is_not_there(customer, code):
    page = customer.open("GET", f"/p/{code}")

    assert page.status == 404


def test_a_draft_answers_like_a_code_nobody_has(make, customer):
    draft = make.link(status=LinkStatus.DRAFT)

    theirs, nobodys = show(customer, draft), customer.open("GET", "/p/BBBBBBBB")

    assert theirs.status == nobodys.status == 404
    assert theirs.source == nobodys.source
    assert customer.open("GET", f"/p/{draft.short_code}/qr.svg").status == 404
    assert customer.post("pay.card", short_code=draft.short_code).status == 404


@pytest.mark.parametrize(
    "write", [str.lower, lambda code: f"{code[:4]}-{code[4:]}", lambda code: f"{code[:4]} {code[4:]}"]
)
def test_a_code_typed_from_paper_leads_to_the_page(customer, link, write):
    sent = customer.get("pay.show", short_code=write(link.short_code), card="canceled")

    assert sent.status == 303
    assert sent.location == f"/p/{link.short_code}?card=canceled"


def test_cards_that_are_off_leave_a_plain_sentence(customer, link, observer):
    observer.sql(
        "UPDATE merchant_settings SET card_enabled = false WHERE organization_id = :id", id=link.organization_id
    )

    page = show(customer, link)
    sent = customer.post("pay.card", short_code=link.short_code)

    assert "Vale Bicycles does not take cards at the moment." in page.text
    assert not page.all("form")
    assert sent.status in {409, 410}
    assert "Vale Bicycles does not take cards at the moment." in sent.text


def test_the_qr_code_comes_as_a_file(customer, link):
    answer = customer.get("pay.qr_svg", short_code=link.short_code)

    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("typed", MARKUP)
def test_hostile_texts_are_shown_as_what_they_are(make, customer, typed):
    link = make.link(description=typed, reference=typed)

    for page in (show(customer, link), poll(customer, f"/p/{link.short_code}")):
        assert page.status == 200
        assert planted(page.root) == []
        assert " ".join(typed.split()) in page.text


def test_nothing_personal_leaves(make, customer):
    link = make.link(status=LinkStatus.PAID)

    source = show(customer, link).source

    for secret in (link.id, link.organization_id, make.merchant.owner.email, make.merchant.owner.name):
        assert str(secret) not in source


def test_looking_changes_nothing(make, customer, link, observer):
    links = [link, *(make.link(status=status) for status in (*FINAL, LinkStatus.DRAFT))]
    before = observer.fingerprint()

    for one in links:
        for asked in ({}, {"returned": "1"}, {"card": "canceled"}, {"lang": "x", "amount": "1"}):
            show(customer, one, **asked)
            poll(customer, f"/p/{one.short_code}")
        customer.open("GET", f"/p/{one.short_code}/card/return?session_id=cs_test_{'0' * 20}")

    assert observer.fingerprint() == before


# ---------------------------------------------------------------- the poll


def statements_of(work):
    """Run the work and return its result and how many statements it sent to PostgreSQL."""
    with transaction() as session:
        pass
    with sent_by(session) as sent:
        answer = work()
    return answer, len(sent)


def test_a_poll_with_nothing_new_is_204_and_reads_no_database(customer, link):
    path = poll_path(show(customer, link))

    answer, sent = statements_of(lambda: poll(customer, path))
    changed, read = statements_of(lambda: poll(customer, path.replace("seen=", "seen=x")))

    assert (answer.status, answer.response.data, sent) == (204, b"", 0)
    assert (changed.status, read) == (200, 2)


def test_a_poll_after_a_change_brings_the_new_face(make, customer, link):
    path = poll_path(show(customer, link))
    create_link.cancel(link.organization_id, link.id, actor=make.merchant.actor)

    answer = poll(customer, path)

    assert answer.status == 286
    assert "canceled" in answer.text
    assert answer.root.get("hx-trigger") is None


def test_page_and_fragment_agree_and_the_end_stops_the_poll(make, customer, link):
    waiting = customer.fragment("payment_status", "pay.show", short_code=link.short_code)
    assert waiting.status == 200
    assert waiting.root.get("hx-trigger").startswith("every 2s")

    for status in FINAL:
        ended = customer.fragment("payment_status", "pay.show", short_code=make.link(status=status).short_code)
        assert ended.status == 286
        assert ended.root.get("hx-trigger") is None


def test_polling_gets_slower_after_two_minutes_and_says_so_once(customer, link):
    page = show(customer, link)

    with time_machine.travel(now() + dt.timedelta(seconds=121)):
        slower = poll(customer, poll_path(page))
        path = slower.root.get("hx-get")
        after = poll(customer, path)

    assert slower.status == 200
    assert slower.root.get("hx-trigger").startswith("every 10s")
    assert after.status == 204


def test_without_redis_every_poll_reads_the_row(customer, link, settings):
    path = poll_path(show(customer, link))
    cache.configure("redis://127.0.0.1:1/0")
    try:
        answers = [poll(customer, path), poll(customer, path)]
    finally:
        cache.configure(settings.redis_url)

    assert [answer.status for answer in answers] == [200, 200]
    assert "120.50" in answers[1].text


def test_a_flushed_redis_costs_one_read(customer, link):
    path = poll_path(show(customer, link))
    cache.connection().flushdb()

    answer = poll(customer, path)

    assert answer.status == 200
    assert poll(customer, answer.root.get("hx-get")).status == 204


@pytest.mark.parametrize("seen", ["", "x", ".2", "None.2", "x" * 5000, "\x00"])
@pytest.mark.parametrize("since", ["", "x", "-1", "9" * 11, "9" * 500, "1e9"])
def test_what_a_poll_claims_is_only_a_hint(customer, link, seen, since):
    answer = poll(customer, customer.url("pay.show", short_code=link.short_code, seen=seen, since=since))

    assert answer.status == 200


def test_a_stranger_asking_for_another_block_gets_the_page(customer, link):
    answer = customer.open("GET", f"/p/{link.short_code}", target="content")

    assert answer.status == 200
    assert answer.source.lstrip().lower().startswith("<!doctype")


def test_an_unknown_code_inside_a_page_is_an_alert(customer):
    answer = customer.open("GET", "/p/BBBBBBBB", target="payment_status")

    assert answer.status == 404
    assert "<!doctype" not in answer.source.lower()


# ---------------------------------------------------------------- to the card page and back


def test_the_card_button_leads_to_the_hosted_page(customer, link, settings, rows):
    sent = start(customer, link)

    assert sent.status == 303
    assert sent.headers["Location"].startswith(settings.stripe_checkout_origin)
    assert rows(CheckoutSession, PaymentAttempt) == (1, 1)


def test_a_second_click_leads_to_the_same_page(customer, new_client, link, rows):
    first = start(customer, link)
    second = start(new_client(), link)

    assert first.headers["Location"] == second.headers["Location"]
    assert rows(CheckoutSession, PaymentAttempt) == (1, 1)


def test_the_amount_comes_from_the_books_whatever_is_sent(customer, link, sandbox, rows):
    answer = customer.post(
        "pay.card",
        {"amount": "1", "currency": "JPY", "link_id": "x", "amount_minor": "1", "price": "0"},
        short_code=link.short_code,
    )

    paid = sandbox.pay(answer.headers["Location"])
    came_back(customer, answer.headers["Location"], link)
    assert paid
    with transaction(link.organization_id) as session:
        payment = session.query(Payment).one()
    assert (payment.value_minor, payment.currency) == (120_50, "AUD")


def test_no_card_page_without_a_token(customer, link, rows):
    answer = customer.open("POST", f"/p/{link.short_code}/card", data={})

    assert answer.status == 400
    assert rows(PaymentAttempt) == (0,)


@pytest.mark.parametrize("status", FINAL)
def test_what_has_ended_opens_no_card_page(make, sandbox, customer, rows, status):
    link = make.link(status=status)

    answer = customer.post("pay.card", short_code=link.short_code)

    assert answer.status in {409, 410}
    assert show(customer, link).element("payment_status").get("data-announce") in answer.source
    assert rows(PaymentAttempt) == (0,)


def test_an_open_link_past_its_end_opens_no_card_page(customer, link, observer, rows):
    observer.sql("UPDATE payment_links SET expires_at = now() WHERE id = :id", id=link.id)

    assert "This payment link has expired" in show(customer, link).text
    assert customer.post("pay.card", short_code=link.short_code).status == 410
    assert rows(PaymentAttempt) == (0,)


def test_a_customer_pays_comes_back_and_reads_the_receipt(customer, link, sandbox):
    url = start(customer, link).headers["Location"]
    sandbox.pay(url)

    sent = came_back(customer, url, link)
    page = customer.open("GET", sent.location)

    assert (sent.status, sent.location) == (303, f"/p/{link.short_code}?returned=1")
    assert "Paid in full" in page.text


def test_both_screens_learn_of_the_payment_by_their_next_poll(customer, link, sandbox, signed_in, run_jobs):
    merchant = signed_in()
    path = poll_path(show(customer, link))
    url = start(customer, link).headers["Location"]
    sandbox.pay(url)
    sandbox.drain()
    run_jobs()

    assert poll(customer, path).status == 286
    assert merchant.fragment("link_live", "links.show", link_id=link.id).root.get("data-announce") == "Paid"


@pytest.mark.parametrize(
    "session_id", ["", "x", "cs_test_" + "0" * 30, "cs_test_../../x", "' OR 1=1", "cs_" + "a" * 5000]
)
def test_a_forged_return_proves_nothing(customer, link, session_id, observer):
    before = observer.fingerprint()

    sent = customer.get("pay.card_return", short_code=link.short_code, session_id=session_id)

    assert (sent.status, sent.location) == (303, f"/p/{link.short_code}")
    assert observer.fingerprint() == before


def test_coming_back_without_having_paid_waits_and_is_not_paid(customer, link):
    url = start(customer, link).headers["Location"]

    page = customer.open("GET", came_back(customer, url, link).location)

    assert "We are confirming your payment" in page.text
    assert "Paid in full" not in page.text
    assert 'http-equiv="refresh"' in page.source
    assert "came=returned" in poll_path(page)
    assert show(customer, link).element("payment_status").get("data-announce") == "Choose how to pay"


def test_the_way_back_from_another_links_session_changes_nothing(make, customer, link, sandbox, observer):
    other = make.link()
    url = start(customer, other).headers["Location"]
    sandbox.pay(url)
    sandbox.drain()
    before = observer.fingerprint(but=("inbox",))

    sent = came_back(customer, url, link)

    assert sent.location == f"/p/{link.short_code}"
    assert observer.fingerprint(but=("inbox",)) == before
    assert make.reload(link).status == "OPEN"


def test_coming_back_while_stripe_is_away_waits(customer, link, sandbox):
    url = start(customer, link).headers["Location"]
    sandbox.pay(url)
    sandbox.fault(kind="error", pattern="/v1/checkout/sessions*", method="GET", remaining=20)

    sent = came_back(customer, url, link)
    page = customer.open("GET", sent.location)

    assert sent.location == f"/p/{link.short_code}?returned=1"
    assert "We are confirming your payment" in page.text


def test_while_stripe_is_away_the_page_stays_and_says_that_nothing_was_charged(customer, link, sandbox):
    sandbox.fault(kind="error", pattern="/v1/checkout/sessions*", method="POST", remaining=20)

    answer = start(customer, link)

    assert answer.status == 503
    assert "The card page did not open" in answer.text
    assert "Nothing was charged" in answer.text
    assert answer.form(f"/p/{link.short_code}/card")
    again = poll(customer, poll_path(answer))
    assert "The card page did not open" in again.text


def test_a_declined_card_is_told_and_can_be_tried_again(customer, link, sandbox, run_jobs):
    url = start(customer, link).headers["Location"]
    sandbox.pay(url, card="4000000000009995")
    sandbox.drain(fees=False)
    run_jobs()

    page = show(customer, link)

    assert "Your card was declined" in page.text
    assert "not enough funds" in page.text
    assert start(customer, link).headers["Location"] == url


def test_leaving_the_card_page_is_told(customer, link):
    page = show(customer, link, card="canceled")

    assert "You came back without paying" in page.text
    assert "came=canceled" in poll_path(page)


def test_a_face_token_is_made_anew_when_a_session_begins(customer, link):
    show(customer, link)
    before = live.face_token(link.short_code)

    start(customer, link)

    assert live.face_token(link.short_code) not in {None, before}


# ---------------------------------------------------------------- cards that pause


@pytest.fixture
def paused(link):
    from provvypay.services import card_guard, timeline

    with transaction(link.organization_id) as session:
        for number in range(card_guard.MOST_DECLINES):
            timeline.add(
                session,
                link.organization_id,
                link.id,
                "card.declined",
                dedupe=str(number),
                occurred_at=now(),
                reason="generic_decline",
            )
        assert card_guard.consider(session, link.organization_id, link.id, cause_id=link.id, now=now())
    return link


def test_a_link_whose_cards_pause_says_until_when_and_opens_no_card_page(customer, paused, rows):
    page = show(customer, paused)
    refused = customer.post("pay.card", short_code=paused.short_code)

    assert "Cards are taken again from" in page.text
    assert "Nothing was charged" in page.text
    assert not page.all("form")
    assert refused.status == 429
    assert 1700 < int(refused.headers["Retry-After"]) <= 1800
    assert "Cards are taken again from" in refused.text
    assert rows(PaymentAttempt) == (0,)


def test_the_pause_stands_among_the_merchants_news(signed_in, paused):
    assert "Card payments paused" in signed_in().get("notifications.index").text
    assert "Cards paused: many were declined" in signed_in().get("dashboard.show").text


def test_a_network_from_which_many_cards_were_declined_is_told_to_wait(customer, link):
    from provvypay.flows.card_guard import CARD_DECLINES
    from provvypay.kit import limiter

    subject = limiter.subject_of(customer.ip)
    for _ in range(CARD_DECLINES.most + 1):
        limiter.ask(limiter.Ask(CARD_DECLINES, subject))

    refused = customer.post("pay.card", short_code=link.short_code)

    assert refused.status == 429
    assert "Card payments pause for your network" in refused.text
    assert int(refused.headers["Retry-After"]) > 1700
