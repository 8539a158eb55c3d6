"""The whole form of a link: what it takes and refuses, and what it means for customer, copy and second tab."""

from __future__ import annotations

import datetime as dt
import io
import struct

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus
from provvypay.flows import create_link
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.services import link_contacts
from provvypay.services.link_contacts import Contact
from provvypay.services.payment_links import LinkDetails
from provvypay.web.qr import PRINT_SIZES
from tests.support.hostile import INVISIBLE

WHOLE = {
    "amount": "1,240.00",
    "currency": "AUD",
    "description": "Oak bench, 1.8 m: deposit",
    "reference": "INV-2041",
    "expiry": "7d",
    "customer_name": "Mara Lindqvist",
    "customer_email": "mara@harbour.example",
    "return_url": "https://shop.example/thanks?order=4711",
    "own_data": "order: 4711\r\nshop: Freshwater\r\n",
    "method_card": "on",
    "action": "open",
}


def the_link(merchant) -> PaymentLink:
    (link,) = links_of(merchant)
    return link


def links_of(merchant) -> list[PaymentLink]:
    with transaction(merchant.organization_id) as session:
        return list(session.query(PaymentLink).order_by(PaymentLink.created_at))


def contact_of(link: PaymentLink) -> Contact:
    with transaction(link.organization_id) as session:
        return link_contacts.of_link(session, link.id)


def made(make, **more) -> PaymentLink:
    details = LinkDetails(
        120_50, "AUD", "A red bicycle", "INV-1",
        more.pop("expires_at", None), Contact("Ada Byron", "ada@byron.example"), "https://shop.example/",
        {"order": "7"},
    )  # fmt: skip
    open_now = more.pop("open_now", True)
    return create_link.create_link(make.merchant.organization_id, details, actor=make.merchant.actor, open_now=open_now)


# ---------------------------------------------------------------- the whole form


def test_everything_that_was_typed_is_kept(make, signed_in):
    sent = signed_in().get("links.new").form("link_form").submit(**WHOLE)

    link = the_link(make.merchant)
    assert sent.location == f"/links/{link.id}"
    assert contact_of(link) == Contact("Mara Lindqvist", "mara@harbour.example")
    assert link.return_url == WHOLE["return_url"]
    assert link.own_data == {"order": "4711", "shop": "Freshwater"}
    assert link.methods == ["CARD"]


def test_the_links_own_page_shows_it_all_to_the_team_and_the_pay_page_no_person(make, signed_in, client):
    link = made(make)
    page = signed_in(Role.VIEWER).get("links.show", link_id=link.id)
    pay = client.get("pay.show", short_code=link.short_code)

    for text in ("Ada Byron", "ada@byron.example", "https://shop.example/", "order"):
        assert text in page.text
    for secret in ("Ada", "byron", "order", str(link.id)):
        assert secret not in pay.source
    assert "shop.example" not in pay.source, "the way back is for those who have paid"


def test_the_receipt_leads_back(make, client):
    link = made(make)
    make.settled(link)

    page = client.get("pay.show", short_code=link.short_code)

    back = page.element("way_back")
    assert back.get("href") == "https://shop.example/"
    assert back.get("rel") == "noopener noreferrer"
    assert "Back to shop.example" in page.text
    assert "Ada" not in page.source


@pytest.mark.parametrize(
    "typed",
    [
        "javascript:alert(1)", "data:text/html,x", " JaVa\tscript:alert(1)", "http://shop.example", "HTTPS://shop.example",
        "https://", "https:///path", "https:shop.example", "https://user:pw@shop.example/", "https://@shop.example",
        "https://a b", "https://a\\@b", "https://a\u2028b", "https://[", "https://a:99999/", "//shop.example",
        "shop.example", "https://" + "x" * 2000, 'https://a/"><b>', "https://a\u202eb",
    ],
)  # fmt: skip
def test_an_address_that_is_not_plain_https_is_refused_and_kept(make, signed_in, typed):
    sent = signed_in().get("links.new").form("link_form").submit(**{**WHOLE, "return_url": typed})

    assert sent.status == 422
    assert "return_url" in sent.errors()
    assert links_of(make.merchant) == []
    assert any(one.get("open") is not None for one in sent.all("details")), "what is wrong is not folded away"


@pytest.mark.parametrize(
    "typed", ["https://shop.example", "https://shop.example:8443/a?b=c#d", "https://xn--caf-dma.example/"]
)
def test_a_plain_https_address_is_taken(make, signed_in, typed):
    signed_in().post("links.create", {**WHOLE, "return_url": typed})

    assert the_link(make.merchant).return_url == typed


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("order", "Line 1: write a name, a colon and a value"),
        ("order:", "Line 1: write a name"),
        (": 4711", "Line 1: write a name"),
        ("a: 1\nb", "Line 2:"),
        ("a: 1\na: 2", "Line 2: a is there already."),
        ("n" * 31 + ": x", "at most 30 characters for a name; these are 31"),
        ("a: " + "x" * 101, "at most 100 characters for a value; these are 101"),
        ("\n".join(f"n{number}: x" for number in range(16)), "Use at most 15 lines."),
        ("a: b\x00", "cannot be seen"),
        ("a: b\u202ec", "cannot be seen"),
        ("x" * 200_000, "Use at most 15 lines."),
    ],
)
def test_data_that_are_no_names_and_values_are_refused_and_kept(make, signed_in, typed, says):
    sent = signed_in().get("links.new").form("link_form").submit(**{**WHOLE, "own_data": typed})

    assert sent.status == 422
    assert says in sent.errors()["own_data"]
    assert links_of(make.merchant) == []
    if len(typed) < 1000 and "\x00" not in typed:
        assert sent.form("link_form").values["own_data"].strip() == typed.strip()


def test_fifteen_names_and_values_come_back_as_they_were(make, signed_in):
    client = signed_in()
    typed = "\n".join(f"name {number:02}: va:lue <b> {number}" for number in range(15))

    client.post("links.create", {**WHOLE, "own_data": typed})

    link = the_link(make.merchant)
    assert len(link.own_data) == 15
    assert link.own_data["name 07"] == "va:lue <b> 7"
    assert client.get("links.edit", link_id=link.id).form("link_form").values["own_data"].strip() == typed


@pytest.mark.parametrize("field", ["customer_name", "customer_email", "return_url"])
@pytest.mark.parametrize("typed", INVISIBLE)
def test_what_cannot_be_seen_is_refused_everywhere(make, signed_in, field, typed):
    sent = signed_in().post("links.create", {**WHOLE, field: typed})

    assert sent.status == 422
    assert links_of(make.merchant) == []


@pytest.mark.parametrize("typed", ["x", "a@b", "a b@c.example", "a@b.c\r\nBcc: x@y.z", "x" * 250 + "@b.example"])
def test_what_is_no_email_address_is_refused(make, signed_in, typed):
    assert "customer_email" in signed_in().post("links.create", {**WHOLE, "customer_email": typed}).errors()
    assert links_of(make.merchant) == []


def test_a_link_needs_a_way_to_pay_and_a_token_nobody_takes_cannot_be_chosen(make, signed_in):
    form = signed_in().get("links.new").form("link_form")
    assert [name for name in form.values if name.startswith("method_")] == ["method_card"]

    none = form.submit(**{**WHOLE, "method_card": "", "methods": "HBAR"})
    token = form.submit(**{**WHOLE, "method_hbar": "on"})

    assert none.errors() == {"method_card": "Choose at least one way to pay."}
    assert token.errors() == {"method_card": "You do not take HBAR at the moment. Choose another way to pay."}
    assert links_of(make.merchant) == []


def test_the_same_form_twice_is_one_link_and_another_customer_is_another(make, signed_in):
    client = signed_in()
    body = {**WHOLE, "form_key": uuid7().hex}

    for _ in range(3):
        client.post("links.create", body)
    client.post("links.create", {**body, "customer_name": "Somebody else"})

    assert len(links_of(make.merchant)) == 2


# ---------------------------------------------------------------- changing an open link


def test_an_open_link_says_something_else_and_costs_the_same(make, signed_in):
    link = made(make, expires_at=now() + dt.timedelta(days=3))
    client = signed_in()
    page = client.get("links.edit", link_id=link.id)

    sent = page.form("link_form").submit(
        description="A blue bicycle", reference="", expiry="never", customer_name="", customer_email="",
        return_url="", own_data="", action="save",
    )  # fmt: skip

    changed = make.reload(link)
    assert "Edit link" in page.text
    assert sent.location == f"/links/{link.id}"
    assert (changed.description, changed.reference, changed.expires_at) == ("A blue bicycle", "", None)
    assert (changed.amount_minor, changed.status, changed.return_url, changed.own_data) == (120_50, "OPEN", "", {})
    assert contact_of(link) == Contact()


@pytest.mark.parametrize("hx", [False, True])
def test_of_two_tabs_of_an_open_link_the_second_is_told_what_the_first_saved(make, signed_in, hx):
    link = made(make)
    client = signed_in()
    first, second = (client.get("links.edit", link_id=link.id).form("link_form") for _ in range(2))
    first.submit(customer_name="Tom", own_data="order: 8", return_url="", action="save")

    late = second.submit(hx=hx, customer_name="Wen", action="save")

    assert late.status == 409
    assert late.errors() == {
        "customer_name": "It is “Tom” now.", "own_data": "It is “order: 8” now.", "return_url": "It is empty now.",
    }  # fmt: skip
    assert late.element("customer_name").get("value") == "Wen"
    assert contact_of(link).name == "Tom"
    again = late.form("link_form").submit(action="save")
    assert again.status == 303
    assert contact_of(link).name == "Wen"


def test_a_draft_that_was_opened_meanwhile_keeps_its_amount(make, signed_in):
    draft = made(make, open_now=False)
    form = signed_in().get("links.edit", link_id=draft.id).form("link_form")
    create_link.activate(draft.organization_id, draft.id, actor=make.merchant.actor)

    late = form.submit(amount="1.00", action="draft")

    assert late.status == 409
    assert make.reload(draft).amount_minor == 120_50


@pytest.mark.parametrize("status", [LinkStatus.PAID, LinkStatus.EXPIRED, LinkStatus.CANCELED])
def test_what_has_ended_has_no_form(make, signed_in, status):
    link = make.link(status=status)
    client = signed_in()

    assert client.get("links.edit", link_id=link.id).location == f"/links/{link.id}"
    assert client.post("links.save", {**WHOLE, "version": str(link.version)}, link_id=link.id).status == 409
    assert make.reload(link).description == link.description


@pytest.mark.parametrize("open_now", [True, False])
def test_a_form_that_lay_open_while_its_link_ended_says_so_and_asks_for_nothing(make, signed_in, open_now):
    link = made(make, open_now=open_now)
    form = signed_in().get("links.edit", link_id=link.id).form("link_form")
    create_link.cancel(link.organization_id, link.id, version=link.version, actor=make.merchant.actor)

    late = form.submit(description="", action="save")

    assert late.status == 409
    assert "This link has ended in the meantime, so it can’t be edited any more." in late.text


def test_a_cancellation_that_saw_an_older_link_asks_again(make, signed_in):
    link = made(make)
    client = signed_in()
    asked = client.get("links.cancellation", link_id=link.id).form(f"/links/{link.id}/cancellation")
    client.get("links.edit", link_id=link.id).form("link_form").submit(description="A blue bicycle", action="save")

    late = asked.submit()

    assert late.status == 409
    assert "It was changed in the meantime" in late.text
    assert "A blue bicycle" in late.text
    assert make.reload(link).status == "OPEN"
    assert late.form(f"/links/{link.id}/cancellation").submit().status == 303
    assert make.reload(link).status == "CANCELED"


# ---------------------------------------------------------------- duplicates


@pytest.mark.parametrize("status", [LinkStatus.DRAFT, LinkStatus.OPEN, LinkStatus.PAID, LinkStatus.CANCELED])
def test_any_link_can_be_duplicated(make, signed_in, status):
    link = make.link(status=status, description="A red bicycle", reference="INV-1", amount_minor=77_00)
    client = signed_in()

    led = client.get("links.show", link_id=link.id).form("duplicate_form").submit()
    form = client.open("GET", led.location).form("link_form")

    assert len(links_of(make.merchant)) == 1, "nothing is made before the form is sent"
    assert (form.values["amount"], form.values["description"], form.values["reference"]) == (
        "77.00", "A red bicycle", "INV-1",
    )  # fmt: skip
    form.submit(action="open")
    copy = next(one for one in links_of(make.merchant) if one.id != link.id)
    assert (copy.amount_minor, copy.description, copy.status) == (77_00, "A red bicycle", "OPEN")
    assert copy.short_code != link.short_code


def test_a_copy_takes_everything_along_and_lives_as_long(make, signed_in):
    link = made(make, expires_at=now() + dt.timedelta(days=30))

    values = signed_in().get("links.new", **{"from": str(link.id)}).form("link_form").values

    assert (values["customer_name"], values["customer_email"]) == ("Ada Byron", "ada@byron.example")
    assert (values["return_url"], values["own_data"].strip()) == ("https://shop.example/", "order: 7")
    assert (values["expiry"], values["expires_at"]) == ("30d", "")
    assert "version" not in values


@pytest.mark.parametrize("original", ["x", "' OR 1=1", "0" * 32, "\x00"])
def test_a_copy_of_nothing_is_not_there(signed_in, original):
    assert signed_in().get("links.new", **{"from": original}).status == 404


def test_another_organizations_link_is_neither_copied_nor_archived(make, signed_in, observer):
    foreign = make.link(merchant=make.organization(), status=LinkStatus.CANCELED)
    client = signed_in()
    before = observer.fingerprint(but=("user_sessions",))

    assert client.get("links.new", **{"from": str(foreign.id)}).status == 404
    for endpoint in ("links.duplicate", "links.archive", "links.unarchive"):
        assert client.post(endpoint, link_id=foreign.id).status == 404
    assert observer.fingerprint(but=("user_sessions",)) == before


# ---------------------------------------------------------------- QR codes for print


@pytest.mark.parametrize(("size", "millimetres"), PRINT_SIZES.items())
def test_a_qr_code_for_print_has_its_size(make, signed_in, size, millimetres):
    link = make.link()
    client = signed_in()

    svg = client.get("links.qr_svg", link_id=link.id, size=size)
    png = client.get("links.qr_png", link_id=link.id, size=size)

    name = f"{link.short_code}-{millimetres}mm"
    assert f'filename="{name}.svg"' in svg.headers["Content-Disposition"]
    assert f'filename="{name}.png"' in png.headers["Content-Disposition"]
    width = svg.source.partition('width="')[2].partition('mm"')[0]
    assert abs(float(width) - millimetres) < 0.01
    assert abs(printed_width(png.response.data) - millimetres) < 0.2


def printed_width(png: bytes) -> float:
    """Return how many millimetres wide a picture says it is."""
    data = io.BytesIO(png)
    data.read(8)
    pixels = per_metre = 0
    while header := data.read(8):
        length, kind = struct.unpack(">I4s", header)
        body = data.read(length)
        data.read(4)
        if kind == b"IHDR":
            pixels = struct.unpack(">I", body[:4])[0]
        if kind == b"pHYs":
            per_metre = struct.unpack(">I", body[:4])[0]
    return pixels / per_metre * 1000


@pytest.mark.parametrize("size", ["", "huge", "' OR 1=1", "25"])
def test_a_size_nobody_prints_is_no_size(make, signed_in, size):
    link = make.link()

    plain = signed_in().get("links.qr_svg", link_id=link.id)
    odd = signed_in().get("links.qr_svg", link_id=link.id, size=size)

    assert odd.response.data == plain.response.data
