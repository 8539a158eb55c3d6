"""The faces of the pay page: each says what happened, what to do, who sells, and never less than the truth."""

from __future__ import annotations

import pytest

from provvypay.domain.statuses import ExceptionKind, LinkStatus

FACES = ["open", "paid", "expired", "canceled", "off", "processing", "paused"]


@pytest.fixture
def customer(new_client):
    return new_client()


@pytest.fixture
def seller(make, observer):
    """Say who sells, as a merchant does in their settings."""
    observer.sql(
        "UPDATE merchant_settings SET legal_name = 'Vale Bicycles Pty Ltd', legal_id = 'ABN 51 824 753 556',"
        " support_email = 'help@vale.example' WHERE organization_id = :id",
        id=make.merchant.organization_id,
    )


def show(customer, link, **asked):
    return customer.get("pay.show", short_code=link.short_code, **asked)


@pytest.fixture
def on_its_way(make, sandbox, observer):
    """A customer who paid by a delayed way: their bank has not sent it yet."""
    from provvypay.flows import stripe_payment

    link = make.link()
    stripe_payment.start_checkout(link.short_code)
    observer.sql(
        "UPDATE checkout_sessions SET state = 'COMPLETE', url = NULL, next_check_at = NULL WHERE link_id = :id",
        id=link.id,
    )
    return link


@pytest.fixture(params=FACES)
def face(request, make, sandbox, observer, seller):
    """A link for each face."""
    name = request.param
    if name in {"paid", "expired", "canceled"}:
        return make.link(status=LinkStatus[name.upper()])
    if name == "processing":
        return request.getfixturevalue("on_its_way")
    link = make.link()
    if name == "off":
        observer.sql(
            "UPDATE merchant_settings SET card_enabled = false WHERE organization_id = :id", id=link.organization_id
        )
    if name == "paused":
        observer.sql(
            "INSERT INTO payment_events (id, organization_id, link_id, kind, dedupe, data, occurred_at) VALUES"
            " (gen_random_uuid(), :org, :id, 'card.paused', 'x',"
            " jsonb_build_object('until', now() + interval '20 minutes', 'declines', 8), now())",
            org=link.organization_id,
            id=link.id,
        )
    return link


def test_every_face_says_who_sells_how_to_reach_them_and_by_which_terms(customer, face):
    page = show(customer, face)

    assert page.status == 200
    assert "Vale Bicycles Pty Ltd, ABN 51 824 753 556" in page.text
    assert page.all("a", href="mailto:help@vale.example")
    assert page.all("a", href="/privacy")
    assert page.all("a", href="/terms")


def test_a_payment_that_takes_days_says_so_and_that_one_may_leave(customer, on_its_way):
    page = show(customer, on_its_way)

    assert "Your payment is on its way" in page.text
    assert "1 to 5 working days" in page.text
    assert "You may close this page" in page.text
    assert 'content="60"' in page.source
    assert not page.all("form")


def test_a_payment_that_takes_seconds_says_so(customer, make, sandbox):
    from provvypay.flows import stripe_payment

    link = make.link()
    stripe_payment.start_checkout(link.short_code)

    page = show(customer, link, returned="1")

    assert "Usually done in a few seconds" in page.text
    assert 'content="5"' in page.source


@pytest.mark.parametrize("kind", [ExceptionKind.LATE, ExceptionKind.DOUBLE, ExceptionKind.MISMATCH])
def test_money_that_is_held_is_said_to_be_safe(customer, make, kind):
    page = show(customer, make.exception(kind))

    assert "Your money is safe" in page.text
    assert "Vale Bicycles sees it" in page.text


def test_money_that_is_no_longer_held_needs_no_word(customer, make, observer):
    link = make.exception(ExceptionKind.LATE)
    # As if somebody had decided; PostgreSQL wants to see the decision.
    observer.sql("ALTER TABLE payment_exceptions DISABLE TRIGGER is_resolved")
    try:
        observer.sql(
            "UPDATE payment_exceptions SET state = 'RESOLVED', resolved_at = now() WHERE link_id = :id", id=link.id
        )
        page = show(customer, link)
        observer.sql("UPDATE payment_exceptions SET state = 'OPEN', resolved_at = NULL WHERE link_id = :id", id=link.id)
    finally:
        observer.sql("ALTER TABLE payment_exceptions ENABLE TRIGGER is_resolved")

    assert "Did you pay already?" in page.text


# ---------------------------------------------------------------- the receipt by itself


def test_a_paid_links_receipt_has_an_address_of_its_own(customer, make, seller):
    link = make.link(status=LinkStatus.PAID, description="A red bicycle", reference="INV-9")

    page = customer.get("pay.receipt", short_code=link.short_code)

    assert page.status == 200
    for words in ("Receipt", "Paid in full", "120.50", "A red bicycle", "INV-9", "Vale Bicycles Pty Ltd, ABN 51"):
        assert words in page.text
    assert page.title.startswith("Receipt R-")
    assert "hx-get" not in page.source
    assert page.headers["Cache-Control"] == "no-store"
    assert show(customer, link).all("a", href=f"/p/{link.short_code}/receipt")


def test_the_receipt_names_nobody(customer, make):
    link = make.link(status=LinkStatus.PAID)

    source = customer.get("pay.receipt", short_code=link.short_code).source

    for secret in (link.id, link.organization_id, make.merchant.owner.email, make.merchant.owner.name):
        assert str(secret) not in source


@pytest.mark.parametrize("status", [LinkStatus.OPEN, LinkStatus.EXPIRED, LinkStatus.CANCELED])
def test_before_it_is_paid_there_is_no_receipt(customer, make, status):
    link = make.link(status=status)

    sent = customer.get("pay.receipt", short_code=link.short_code)

    assert (sent.status, sent.location) == (303, f"/p/{link.short_code}")


def test_a_receipt_typed_from_paper_leads_to_its_address(customer, make):
    link = make.link(status=LinkStatus.PAID)

    sent = customer.get("pay.receipt", short_code=link.short_code.lower())

    assert (sent.status, sent.location) == (303, f"/p/{link.short_code}/receipt")


def test_a_draft_has_a_receipt_as_little_as_a_code_nobody_has(customer, make):
    draft = make.link(status=LinkStatus.DRAFT)

    theirs, nobodys = (
        customer.get("pay.receipt", short_code=draft.short_code),
        customer.open("GET", "/p/BBBBBBBB/receipt"),
    )

    assert theirs.status == nobodys.status == 404
    assert theirs.source == nobodys.source
