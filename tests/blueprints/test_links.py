"""The merchant's pages of payment links: made once, shown as typed, changed by those who may, and of nobody else's."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from zoneinfo import ZoneInfo

import pytest
import segno
from sqlalchemy import text

from provvypay.domain.roles import Role
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.flows import create_link
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.models.audit import AuditLog
from provvypay.models.payment_link import PaymentLink
from provvypay.services.payment_links import LinkDetails
from tests.support.database import together
from tests.support.factories import NOISE
from tests.support.hostile import AMOUNTS, INVISIBLE, MARKUP, planted, shielded

GOOD = {
    "amount": "1,240.00",
    "currency": "AUD",
    "description": "Oak bench, 1.8 m: deposit",
    "reference": "INV-2041",
    "expiry": "7d",
    "method_card": "on",
    "action": "open",
}


def stored(merchant) -> list[PaymentLink]:
    with transaction(merchant.organization_id) as session:
        rows = session.execute(text("SELECT id FROM payment_links ORDER BY created_at, id")).scalars()
        return [session.get(PaymentLink, row) for row in rows]


def one_stored(merchant) -> PaymentLink:
    (link,) = stored(merchant)
    return link


# ---------------------------------------------------------------- the list


def test_the_list_shows_the_newest_first_with_state_and_amount(make, signed_in):
    make.link(description="Older bench", reference="INV-1")
    make.link(description="Newer bench", status=LinkStatus.PAID, amount_minor=98_765_43)

    page = signed_in().get("links.index")

    assert page.status == 200
    assert page.text.index("Newer bench") < page.text.index("Older bench")
    assert "98,765.43" in page.text
    assert "INV-1" in page.text
    assert NOISE not in page.source


def test_an_empty_list_says_what_to_do_first(signed_in):
    page = signed_in().get("links.index")

    assert "No payment links yet" in page.text
    assert any(one.get("href") == "/links/new" for one in page.all("a"))


def test_the_table_is_a_fragment_of_the_page(make, signed_in):
    make.exception(ExceptionKind.DOUBLE)

    found = signed_in().fragment("links_table", "links.index")

    assert found.status == 200
    assert "Paid twice" in found.text


@pytest.mark.parametrize(
    ("asked", "shown"), [("PAID", {"PAID"}), ("DRAFT", {"DRAFT"}), ("' OR 1=1", {"PAID", "DRAFT"})]
)
def test_the_list_shows_one_status_when_asked(make, signed_in, asked, shown):
    for status in (LinkStatus.PAID, LinkStatus.DRAFT):
        make.link(status=status)

    page = signed_in().get("links.index", status=asked)

    assert {one.get("data-status") for one in page.all("span") if one.get("data-status")} == shown


@pytest.mark.parametrize("query", ["%", "_", "\\", "' OR 1=1--", "\x00", "(a+)+$" * 15, "{0.__class__}", "x" * 9000])
def test_a_hostile_search_finds_nothing_and_breaks_nothing(make, signed_in, query):
    make.link(description="Plain bench")

    page = signed_in().get("links.index", q=query)

    assert page.status == 200
    assert ("Plain bench" in page.text) is (query == "\x00")


def test_a_search_keeps_its_words_and_hides_counts_that_are_not_its_own(make, signed_in):
    make.link(description="Walnut desk")
    make.link(description="Plain bench")

    page = signed_in().get("links.index", q="walnut")

    assert "Walnut desk" in page.text
    assert "Plain bench" not in page.text
    assert page.element("q").get("value") == "walnut"
    assert not [one for one in page.all("span") if one.get("class") == "count"]


def test_the_pages_of_a_long_list_follow_each_other(make, signed_in):
    names = [f"Chair {number:02d}" for number in range(28)]
    for name in names:
        make.link(description=name)
    client = signed_in()

    first = client.get("links.index", status="OPEN")
    second = client.open("GET", first.element("page_next").get("href"))
    again = client.open("GET", second.element("page_prev").get("href"))

    assert [name for name in names if name in first.text] == names[3:]
    assert [name for name in names if name in second.text] == names[:3]
    assert [name for name in names if name in again.text] == names[3:]
    assert "status=OPEN" in first.element("page_next").get("href")


@pytest.mark.parametrize("cursor", ["x", "A" * 36, "' OR 1=1", "%00", "é", "A" * 4000])
def test_a_cursor_nobody_made_shows_the_first_page(make, signed_in, cursor):
    make.link(description="Plain bench")

    page = signed_in().get("links.index", cursor=cursor)

    assert page.status == 200
    assert "Plain bench" in page.text


# ---------------------------------------------------------------- making one


def test_a_new_link_is_open_and_has_its_page(make, signed_in):
    client = signed_in()

    sent = client.get("links.new").form("link_form").submit(**GOOD)

    link = one_stored(make.merchant)
    assert (sent.status, sent.location) == (303, f"/links/{link.id}")
    assert (link.status, link.amount_minor, link.currency) == ("OPEN", 1240_00, "AUD")
    assert (link.description, link.reference) == (GOOD["description"], GOOD["reference"])
    assert dt.timedelta(days=6, hours=23) < link.expires_at - now() < dt.timedelta(days=7)
    page = client.open("GET", sent.location)
    assert GOOD["description"] in page.text
    assert f"/p/{link.short_code}" in page.source


def test_a_new_link_is_written_into_the_audit(make, signed_in, rows):
    client = signed_in()
    before = rows(AuditLog)[0]

    client.get("links.new").form("link_form").submit(**GOOD)

    assert rows(AuditLog)[0] == before + 1


def test_a_new_link_can_wait_as_a_draft(make, signed_in):
    signed_in().get("links.new").form("link_form").submit(**{**GOOD, "action": "draft"})

    assert one_stored(make.merchant).status == "DRAFT"


def test_htmx_is_led_to_the_new_link(make, signed_in):
    sent = signed_in().get("links.new").form("link_form").submit(hx=True, **GOOD)

    assert sent.status == 204
    assert sent.headers["HX-Redirect"] == f"/links/{one_stored(make.merchant).id}"


def test_the_form_begins_with_the_organizations_currency(make, signed_in):
    merchant = make.organization(currency="JPY", time_zone="Asia/Tokyo")

    values = signed_in(merchant=merchant).get("links.new").form("link_form").values

    assert (values["currency"], values["expiry"]) == ("JPY", "7d")


@pytest.mark.parametrize("amount", AMOUNTS)
def test_what_is_no_amount_is_refused_and_kept(make, signed_in, amount):
    sent = signed_in().get("links.new").form("link_form").submit(**{**GOOD, "amount": amount})

    assert sent.status == 422
    assert "amount" in sent.errors()
    assert sent.title.startswith("Error: ")
    assert stored(make.merchant) == []
    if amount.isprintable():
        assert sent.element("amount").get("value") == amount
    assert sent.element("description").get("value") == GOOD["description"]
    assert sent.element("amount").get("aria-invalid") == "true"


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("12.50", "AUD", 12_50),
        ("AUD 12.5", "AUD", 12_50),
        (" 10", "AUD", 10_00),
        ("1,500", "JPY", 1500),
        ("0.50", "USD", 50),
    ],
)
def test_amounts_are_read_as_people_type_them(make, signed_in, typed, currency, minor):
    signed_in().get("links.new").form("link_form").submit(**{**GOOD, "amount": typed, "currency": currency})

    link = one_stored(make.merchant)
    assert (link.amount_minor, link.currency) == (minor, currency)


@pytest.mark.parametrize("currency", ["KWD", "XXX", "", "aud", "<b>", "HBAR"])
def test_a_currency_that_is_not_offered_is_refused(make, signed_in, currency):
    client = signed_in()

    sent = client.post("links.create", {**GOOD, "currency": currency})

    assert sent.status == 422
    assert stored(make.merchant) == []


@pytest.mark.parametrize("field", ["description", "reference"])
@pytest.mark.parametrize("typed", INVISIBLE)
def test_what_cannot_be_seen_is_refused(make, signed_in, field, typed):
    sent = signed_in().post("links.create", {**GOOD, field: typed})

    assert sent.status == 422
    assert field in sent.errors()
    assert stored(make.merchant) == []


def test_a_link_says_what_it_is_for(make, signed_in):
    sent = signed_in().post("links.create", {**GOOD, "description": "   "})

    assert sent.status == 422
    assert sent.errors()["description"] == "Say what it is for; your customer reads it."


def test_a_text_that_is_too_long_is_refused_with_its_length(signed_in):
    sent = signed_in().post("links.create", {**GOOD, "description": "x" * 256})

    assert sent.status == 422
    assert "256" in sent.errors()["description"]


def test_a_wrong_form_comes_back_as_a_fragment_to_htmx(signed_in):
    sent = signed_in().get("links.new").form("link_form").submit(hx=True, **{**GOOD, "amount": "x"})

    assert sent.status == 422
    assert sent.root.get("id") == "link_form"


def test_fields_nobody_asked_for_change_nothing(make, signed_in):
    other = make.organization()

    signed_in().post(
        "links.create",
        {
            **GOOD,
            "status": "PAID",
            "organization_id": str(other.organization_id),
            "amount_minor": "1",
            "id": str(uuid.uuid4()),
            "short_code": "BBBBBBBB",
            "created_at": "2001-01-01",
            "version": "9",
        },
    )

    link = one_stored(make.merchant)
    assert (link.status, link.amount_minor) == ("OPEN", 1240_00)
    assert link.short_code != "BBBBBBBB"
    assert stored(other) == []


# ---------------------------------------------------------------- until when


def test_a_chosen_hour_is_meant_in_the_organizations_zone(make, signed_in):
    zone = ZoneInfo("Australia/Sydney")
    chosen = (now().astimezone(zone) + dt.timedelta(days=30)).replace(hour=18, minute=30, second=0, microsecond=0)

    signed_in().post("links.create", {**GOOD, "expiry": "custom", "expires_at": chosen.strftime("%Y-%m-%dT%H:%M")})

    assert one_stored(make.merchant).expires_at == chosen.astimezone(dt.UTC)


def test_a_link_without_an_end_has_none(make, signed_in):
    signed_in().post("links.create", {**GOOD, "expiry": "never"})

    assert one_stored(make.merchant).expires_at is None


def sydneys_missing_hour() -> str:
    """Return an hour of the next year that Sydney's clocks leave out: the first Sunday of October, from 2 to 3."""
    today = now().date()
    for year in (today.year, today.year + 1):
        first = dt.date(year, 10, 1)
        sunday = first + dt.timedelta(days=(6 - first.weekday()) % 7)
        if sunday > today:
            return f"{sunday}T02:30"
    raise AssertionError("there is one every year")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "tomorrow",
        "2026-13-40T99:99",
        "2001-01-01T00:00",
        "9999-12-31T23:59",
        "٢٠٢٧-01-01T00:00",
        "2027-01-01",
        "\x00",
    ],
)
def test_a_time_that_cannot_be_is_refused(make, signed_in, typed):
    sent = signed_in().post("links.create", {**GOOD, "expiry": "custom", "expires_at": typed})

    assert sent.status == 422
    assert "expires_at" in sent.errors()
    assert stored(make.merchant) == []


def test_an_hour_the_clocks_leave_out_is_refused_with_the_reason(make, signed_in):
    sent = signed_in().post("links.create", {**GOOD, "expiry": "custom", "expires_at": sydneys_missing_hour()})

    assert sent.status == 422
    assert "clocks go forward" in sent.errors()["expires_at"]
    assert stored(make.merchant) == []


def test_the_end_is_chosen_from_the_list(signed_in):
    sent = signed_in().post("links.create", {**GOOD, "expiry": "99d"})

    assert sent.status == 422
    assert "expiry" in sent.errors()


# ---------------------------------------------------------------- one link however often it is sent


def test_the_same_form_sent_twice_makes_one_link(make, signed_in):
    form = signed_in().get("links.new").form("link_form")

    first, second = form.submit(**GOOD), form.submit(**GOOD)

    assert first.location == second.location == f"/links/{one_stored(make.merchant).id}"


def test_the_same_form_sent_at_once_makes_one_link(make, new_client):
    # A double click is one person with one form on several connections.
    token = make.session_token(make.merchant.owner, make.merchant)
    body = {**GOOD, "form_key": uuid7().hex}

    def send(_number: int) -> str:
        return new_client().hold(token).post("links.create", body).location

    locations = together(6, send)

    assert set(locations) == {f"/links/{one_stored(make.merchant).id}"}


def test_going_back_and_changing_the_amount_makes_a_second_link(make, signed_in):
    form = signed_in().get("links.new").form("link_form")

    form.submit(**GOOD)
    form.submit(**{**GOOD, "amount": "99.00"})

    assert sorted(link.amount_minor for link in stored(make.merchant)) == [99_00, 1240_00]


def test_two_forms_with_the_same_words_make_two_links(make, signed_in):
    client = signed_in()

    for _ in range(2):
        client.get("links.new").form("link_form").submit(**GOOD)

    assert len(stored(make.merchant)) == 2


def test_a_key_is_worth_nothing_to_anybody_else(make, signed_in):
    other = make.organization()
    key = uuid7().hex
    body = {**GOOD, "form_key": key}

    signed_in().post("links.create", body)
    signed_in(Role.ADMIN).post("links.create", body)
    signed_in(merchant=other).post("links.create", body)

    assert len(stored(make.merchant)) == 2
    assert len(stored(other)) == 1


def test_a_key_cannot_name_the_link_it_makes(make, signed_in):
    foreign = make.link(merchant=make.organization())

    sent = signed_in().post("links.create", {**GOOD, "form_key": foreign.id.hex})

    link = one_stored(make.merchant)
    assert sent.status == 303
    assert link.id != foreign.id


@pytest.mark.parametrize("key", ["", "x", "0" * 32, "' OR 1=1", "\x00", "9b2f8c1e-6d3a-4f70-8c15-2e7a90b4d6f1"])
def test_a_form_without_a_good_key_still_makes_its_link(make, signed_in, key):
    assert signed_in().post("links.create", {**GOOD, "form_key": key}).status == 303
    assert one_stored(make.merchant).status == "OPEN"


# ---------------------------------------------------------------- hostile texts


@pytest.mark.parametrize("typed", MARKUP)
def test_hostile_texts_are_shown_as_what_they_are(make, signed_in, typed):
    client = signed_in()
    client.post("links.create", {**GOOD, "description": typed, "reference": typed})
    link = one_stored(make.merchant)

    pages = [
        client.get("links.index"),
        client.get("links.index", q=typed[:50]),
        client.get("links.show", link_id=link.id),
        client.get("links.show", link_id=link.id, tab="timeline"),
        client.get("links.cancellation", link_id=link.id),
        client.fragment("link_live", "links.show", link_id=link.id),
        client.fragment("links_table", "links.index"),
    ]

    assert link.description == typed.strip()
    for page in pages:
        assert page.status == 200
        assert planted(page.root) == []
    shown = " ".join(link.description.split())
    assert shown in pages[0].text
    assert shielded(pages[0].root, link.description)
    assert shielded(pages[2].root, link.description)
    assert all("script-src 'self'" in page.headers["Content-Security-Policy"] for page in pages)


# ---------------------------------------------------------------- one link


def test_a_paid_link_shows_payment_timeline_rates_and_books(make, signed_in):
    link = make.link(status=LinkStatus.PAID, amount_minor=120_50)
    client = signed_in()

    overview = client.get("links.show", link_id=link.id)
    timeline = client.get("links.show", link_id=link.id, tab="timeline")
    rates = client.get("links.show", link_id=link.id, tab="rates")
    books = client.get("links.show", link_id=link.id, tab="books")

    assert "Stripe has not named it yet" in overview.text
    assert "Scan to open the pay page" in overview.text
    assert "Paid and booked" in timeline.text
    assert all(asset in rates.text for asset in ("HBAR", "USDC", "USDT", "AUDD"))
    assert all(words in books.text for words in ("Stripe Clearing", "Accounts Receivable", "Revenue", "J-"))


@pytest.mark.parametrize("tab", ["overview", "timeline", "rates", "books"])
def test_each_tab_is_its_page_and_its_fragment(make, signed_in, tab):
    link = make.link()

    found = signed_in().fragment("link_live", "links.show", link_id=link.id, tab=tab)

    assert found.status == 200
    assert found.root.get("hx-trigger")


@pytest.mark.parametrize("status", [LinkStatus.EXPIRED, LinkStatus.CANCELED, LinkStatus.DRAFT])
def test_a_link_that_waits_for_nothing_stops_asking(make, signed_in, status):
    link = make.link(status=status)
    client = signed_in()

    found = client.fragment("link_live", "links.show", link_id=link.id)

    assert found.status == 286
    assert found.root.get("hx-trigger") is None
    assert client.get("links.show", link_id=link.id).status == 200


def test_a_paid_link_asks_on_until_its_fee_is_known(make, signed_in):
    link = make.link(status=LinkStatus.PAID)

    found = signed_in().fragment("link_live", "links.show", link_id=link.id)

    assert found.status == 200
    assert found.root.get("hx-trigger")


def test_an_open_page_turns_when_the_money_arrives(make, signed_in):
    link = make.link()
    client = signed_in()
    before = client.fragment("link_live", "links.show", link_id=link.id)

    make.settled(link)
    after = client.fragment("link_live", "links.show", link_id=link.id)

    assert before.root.get("data-announce") == "Open"
    assert after.root.get("data-announce") == "Paid"


@pytest.mark.parametrize("endpoint", ["links.show", "links.edit", "links.cancellation", "links.qr_svg", "links.qr_png"])
def test_another_organizations_link_is_not_there(make, signed_in, endpoint):
    foreign = make.link(merchant=make.organization(), status=LinkStatus.DRAFT)
    client = signed_in()

    theirs = client.get(endpoint, link_id=foreign.id)
    nobodys = client.get(endpoint, link_id=uuid7())

    assert theirs.status == nobodys.status == 404
    assert theirs.text == nobodys.text


@pytest.mark.parametrize("endpoint", ["links.save", "links.activation", "links.cancel"])
def test_another_organizations_link_cannot_be_changed(make, signed_in, observer, endpoint):
    foreign = make.link(merchant=make.organization(), status=LinkStatus.DRAFT)
    client = signed_in()
    before = observer.fingerprint(but=("user_sessions",))

    assert client.post(endpoint, {**GOOD, "version": str(foreign.version)}, link_id=foreign.id).status == 404
    assert client.post(endpoint, {"amount": "x"}, link_id=foreign.id).status == 404
    assert observer.fingerprint(but=("user_sessions",)) == before


def test_who_may_only_look_is_offered_nothing_and_refused_all(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT)
    client = signed_in(Role.VIEWER)

    page = client.get("links.show", link_id=draft.id)

    assert page.status == 200
    assert not [one for one in page.all("form") if one.get("action", "").startswith(f"/links/{draft.id}")]
    assert client.get("links.new").status == 403
    assert client.post("links.create", GOOD).status == 403
    assert client.post("links.activation", {"version": str(draft.version)}, link_id=draft.id).status == 403
    assert client.post("links.cancel", link_id=draft.id).status == 403


def test_the_books_are_for_those_who_may_look_into_them(make, signed_in):
    link = make.link(status=LinkStatus.PAID)
    operator, accountant = signed_in(Role.OPERATOR), signed_in(Role.ACCOUNTANT)

    assert operator.get("links.show", link_id=link.id, tab="books").status == 403
    assert "tab=books" not in operator.get("links.show", link_id=link.id).source
    assert "tab=books" in accountant.get("links.show", link_id=link.id).source
    assert accountant.get("links.show", link_id=link.id, tab="books").status == 200


# ---------------------------------------------------------------- drafts


def test_a_draft_is_edited_and_saved(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT, expires_at=now() + dt.timedelta(days=9))
    client = signed_in()
    form = client.get("links.edit", link_id=draft.id).form("link_form")

    sent = form.submit(amount="77.00", description="A blue bicycle", action="draft")

    changed = make.reload(draft)
    assert sent.location == f"/links/{draft.id}"
    assert (changed.status, changed.amount_minor, changed.description) == ("DRAFT", 77_00, "A blue bicycle")
    assert changed.expires_at == draft.expires_at, "who leaves the end alone keeps it to the second"


def test_a_drafts_form_shows_its_values(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT, amount_minor=1500, currency="JPY", reference="INV-3")

    values = signed_in().get("links.edit", link_id=draft.id).form("link_form").values

    assert (values["amount"], values["currency"], values["reference"]) == ("1500", "JPY", "INV-3")
    assert (values["expiry"], values["version"]) == ("never", str(draft.version))


def test_a_draft_is_saved_and_opened_in_one_step(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT)

    signed_in().get("links.edit", link_id=draft.id).form("link_form").submit(amount="77.00", action="open")

    opened = make.reload(draft)
    assert (opened.status, opened.amount_minor) == ("OPEN", 77_00)


@pytest.mark.parametrize("hx", [False, True])
def test_two_tabs_do_not_overwrite_each_other(make, signed_in, hx):
    draft = make.link(status=LinkStatus.DRAFT)
    client = signed_in()
    first = client.get("links.edit", link_id=draft.id).form("link_form")
    second = client.get("links.edit", link_id=draft.id).form("link_form")
    first.submit(amount="77.00", reference="INV-7", action="draft")

    late = second.submit(hx=hx, amount="88.00", action="draft")

    assert late.status == 409
    assert make.reload(draft).amount_minor == 77_00
    assert "Somebody saved this draft in the meantime" in late.text
    assert late.errors() == {"amount": "It is AUD 77.00 now.", "reference": "It is “INV-7” now."}
    assert late.element("amount").get("value") == "88.00"
    assert (late.headers["HX-Retarget"], late.headers["HX-Reswap"]) == ("#link_form", "outerHTML")


def test_who_was_told_of_another_tab_may_replace_what_it_saved(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT, reference="INV-7", expires_at=now() + dt.timedelta(days=9))
    client = signed_in()
    first = client.get("links.edit", link_id=draft.id).form("link_form")
    second = client.get("links.edit", link_id=draft.id).form("link_form")
    first.submit(description="A green bicycle", reference="", expiry="never", action="draft")

    late = second.submit(description="A blue bicycle", action="draft")
    again = late.form("link_form").submit(action="draft")

    assert late.errors() == {
        "description": "It is “A green bicycle” now.", "reference": "It is empty now.", "expiry": "It has no end now.",
    }  # fmt: skip
    saved = make.reload(draft)
    assert (again.status, again.location) == (303, f"/links/{draft.id}")
    assert (saved.description, saved.reference) == ("A blue bicycle", "INV-7")
    assert saved.expires_at == draft.expires_at.replace(second=0, microsecond=0)


def test_an_amount_typed_into_a_draft_that_was_opened_meanwhile_is_refused_aloud(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT, amount_minor=120_50)
    client = signed_in()
    editing = client.get("links.edit", link_id=draft.id).form("link_form")
    client.get("links.show", link_id=draft.id).form("activation_form").submit()

    dearer = editing.submit(hx=True, amount="999.00", action="draft")
    reworded = editing.submit(description="A blue bicycle", action="draft")

    assert dearer.status == 409
    assert "opened in the meantime, so its amount can’t be changed" in dearer.text
    assert "HX-Retarget" not in dearer.headers
    assert (reworded.status, reworded.errors()) == (409, {"description": "It is “A red bicycle” now."})
    assert make.reload(draft).amount_minor == 120_50


def test_a_wrong_draft_comes_back_with_what_was_typed(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT)

    sent = signed_in().get("links.edit", link_id=draft.id).form("link_form").submit(amount="1e3", action="draft")

    assert sent.status == 422
    assert sent.element("amount").get("value") == "1e3"
    assert sent.form("link_form").values["version"] == str(draft.version)


def test_an_open_links_money_is_frozen_whatever_is_sent(make, signed_in):
    link = make.link(amount_minor=120_50)
    client = signed_in()
    form = client.get("links.edit", link_id=link.id).form("link_form")

    sent = form.submit(amount="1.00", currency="JPY", method_card="", description="A blue bicycle")

    changed = make.reload(link)
    assert "amount" not in form.values
    assert sent.location == f"/links/{link.id}"
    assert (changed.amount_minor, changed.currency, changed.methods) == (120_50, "AUD", ["CARD"])
    assert (changed.description, changed.status, changed.version) == ("A blue bicycle", "OPEN", link.version + 1)


def test_a_draft_is_opened_as_it_was_seen(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT)
    client = signed_in()
    seen = client.get("links.show", link_id=draft.id).form("activation_form")

    create_link.edit(
        draft.organization_id,
        draft.id,
        LinkDetails(999_00, "AUD", "Ten times as much"),
        version=draft.version,
        actor=make.merchant.actor,
    )
    stale = seen.submit()
    fresh = client.get("links.show", link_id=draft.id).form("activation_form").submit()

    assert stale.status == 409
    assert (fresh.status, fresh.location) == (303, f"/links/{draft.id}")
    assert make.reload(draft).status == "OPEN"


def test_opening_twice_is_a_conflict_that_says_so(make, signed_in):
    link = make.link()

    again = signed_in().post("links.activation", {"version": str(link.version)}, link_id=link.id)

    assert again.status == 409
    assert "This link is open now" in again.text


def test_a_draft_whose_end_has_passed_is_sent_back_to_its_form(make, signed_in, observer):
    draft = make.link(status=LinkStatus.DRAFT, expires_at=now() + dt.timedelta(hours=1))
    observer.sql("UPDATE payment_links SET expires_at = now() WHERE id = :id", id=draft.id)
    client = signed_in()

    sent = client.post("links.activation", {"version": str(draft.version)}, link_id=draft.id)

    assert (sent.status, sent.location) == (303, f"/links/{draft.id}/edit")
    assert "at least five minutes" in client.open("GET", sent.location).text
    assert make.reload(draft).status == "DRAFT"


# ---------------------------------------------------------------- canceling


def test_a_link_is_canceled_after_a_question(make, signed_in):
    link = make.link()
    client = signed_in()

    sent = client.get("links.cancellation", link_id=link.id).form(f"/links/{link.id}/cancellation").submit()

    assert (sent.status, sent.location) == (303, f"/links/{link.id}")
    assert make.reload(link).status == "CANCELED"
    assert "The link is canceled." in client.open("GET", sent.location).text


def test_a_draft_is_discarded(make, signed_in):
    draft = make.link(status=LinkStatus.DRAFT)
    client = signed_in()

    sent = client.post("links.cancel", {"version": str(draft.version)}, link_id=draft.id)

    assert make.reload(draft).status == "CANCELED"
    assert "The draft is discarded." in client.open("GET", sent.location).text


@pytest.mark.parametrize("status", [LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED])
def test_what_has_ended_cannot_be_canceled(make, signed_in, status):
    link = make.link(status=status)
    client = signed_in()

    assert client.get("links.cancellation", link_id=link.id).location == f"/links/{link.id}"
    assert client.post("links.cancel", link_id=link.id).status == 409
    assert make.reload(link).status == status


# ---------------------------------------------------------------- QR


def test_the_qr_code_is_the_pay_pages_address_and_comes_as_a_file(make, signed_in, app_url):
    link = make.link()
    client = signed_in()

    svg = client.get("links.qr_svg", link_id=link.id)
    png = client.get("links.qr_png", link_id=link.id)

    expected = io.BytesIO()
    segno.make(f"{app_url}/p/{link.short_code}", error="m").save(expected, kind="svg", scale=10, border=4)
    assert svg.response.data == expected.getvalue()
    assert svg.headers["Content-Type"].startswith("image/svg+xml")
    assert svg.headers["Content-Disposition"] == f'attachment; filename="{link.short_code}.svg"'
    assert png.headers["Content-Type"] == "image/png"
    assert png.headers["Content-Disposition"] == f'attachment; filename="{link.short_code}.png"'
    assert png.response.data.startswith(b"\x89PNG")
    for answer in (svg, png):
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("endpoint", ["links.qr_svg", "links.qr_png"])
def test_a_draft_has_no_qr_code_yet(make, signed_in, endpoint):
    draft = make.link(status=LinkStatus.DRAFT)

    assert signed_in().get(endpoint, link_id=draft.id).status == 404
