"""The pages of many links: orders and searches in the address, several canceled together, and all of them as CSV."""

from __future__ import annotations

import csv
import datetime as dt
import gc
import io
import json
import sys
import uuid
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus
from provvypay.flows import create_link
from provvypay.kit.clock import now
from provvypay.models.payment_link import PaymentLink
from provvypay.services import link_export
from provvypay.services.link_contacts import Contact
from provvypay.services.link_list import Filter
from provvypay.services.payment_links import LinkDetails
from tests.support.factories import NOISE
from tests.support.hostile import MARKUP, planted, shielded
from tests.support.statements import many_links


def made(make, description="Oak bench", amount_minor=120_50, **more) -> PaymentLink:
    details = LinkDetails(amount_minor, "AUD", description, **more)
    return create_link.create_link(make.merchant.organization_id, details, actor=make.merchant.actor, open_now=True)


def table(page) -> list[dict[str, str]]:
    text = page.response.get_data().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


# ---------------------------------------------------------------- the address says it all


def test_order_and_search_stay_in_every_link_of_the_page(make, signed_in):
    for number in range(27):
        made(make, f"Oak bench {number}", 1000 + number)
    page = signed_in().get("links.index", status="OPEN", q="oak", sort="amount")

    for name in ("page_next", "export"):
        href = page.element(name).get("href")
        assert all(part in href for part in ("status=OPEN", "q=oak", "sort=amount")), name
    assert page.text.index("Oak bench 26") < page.text.index("Oak bench 25")
    assert [one.get("aria-sort") for one in page.all("th") if one.get("aria-sort")] == ["descending"]
    assert page.form("links_search").values == {"status": "OPEN", "q": "oak", "sort": "amount"}


def test_the_table_in_another_order_is_a_fragment_of_its_page(make, signed_in):
    made(make, contact=Contact("Mara Lindqvist", ""))

    found = signed_in().fragment("links_table", "links.index", sort="expiry", q="mara")

    assert found.status == 200
    assert "Mara Lindqvist" in found.text


def test_archived_links_have_a_tab_once_there_are_some(make, signed_in):
    client = signed_in()
    link = make.link(status=LinkStatus.CANCELED)
    before = client.get("links.index")
    client.get("links.show", link_id=link.id).form("archive_form").submit()

    after = client.get("links.index")
    archived = client.get("links.index", status="ARCHIVED")

    assert "Archived" not in before.text
    assert link.description not in after.text
    assert "Archived 1" in " ".join(after.text.split())
    assert link.description in archived.text
    client.get("links.show", link_id=link.id).form("unarchive_form").submit()
    assert link.description in client.get("links.index").text


@pytest.mark.parametrize("typed", MARKUP)
def test_hostile_customers_are_shown_as_what_they_are(make, signed_in, typed):
    name = typed[:120].strip()
    link = made(make, contact=Contact(name, ""), own_data={"note": typed[:100].strip()})
    client = signed_in()

    pages = [
        client.get("links.index"),
        client.get("links.show", link_id=link.id),
        client.get("links.edit", link_id=link.id),
    ]

    for page in pages:
        assert page.status == 200
        assert planted(page.root) == []
    assert " ".join(name.split()) in pages[0].text
    assert shielded(pages[1].root, name)
    assert pages[2].element("customer_name").get("value") == name


# ---------------------------------------------------------------- several at once


def test_chosen_links_are_canceled_after_a_question(make, signed_in):
    links = [make.link(description=f"Bell {number}") for number in range(3)]
    draft = make.link(status=LinkStatus.DRAFT, description="Draft bell")
    client = signed_in()

    asked = client.post("links.cancel_many", {"link_id": [str(links[0].id), str(draft.id)], "back": "/links?q=bell"})

    assert asked.status == 200
    assert "Cancel 2 links" in asked.text
    assert [make.reload(link).status for link in (*links, draft)] == ["OPEN", "OPEN", "OPEN", "DRAFT"]
    ids = [one.get("value") for one in asked.all("input") if one.get("name") == "link_id"]
    done = client.post("links.cancel_many", {"link_id": ids, "confirmed": "1", "back": "/links?q=bell"})
    assert "2 links are canceled" in done.text
    assert [make.reload(link).status for link in (*links, draft)] == ["CANCELED", "OPEN", "OPEN", "CANCELED"]
    assert any(one.get("href") == "/links?q=bell" for one in done.all("a"))


def test_what_could_not_be_canceled_is_named_with_its_reason(make, signed_in):
    paid = make.link(status=LinkStatus.PAID, description="Paid bell")
    link = make.link()
    foreign = make.link(merchant=make.organization(), description="Foreign bell")

    done = signed_in().post(
        "links.cancel_many", {"link_id": [str(one.id) for one in (paid, link, foreign)], "confirmed": "1"}
    )

    assert "1 link is canceled" in done.text
    assert "1 link could not be canceled" in done.text
    assert "1 link was not found" in done.text
    assert "Paid bell" in done.text
    assert "Foreign bell" not in done.text
    assert make.reload(foreign).status == "OPEN"


def test_sending_the_same_choice_twice_cancels_once(make, signed_in):
    link = make.link()
    client = signed_in()
    body = {"link_id": [str(link.id)], "confirmed": "1"}

    client.post("links.cancel_many", body)
    again = client.post("links.cancel_many", body)

    assert again.status == 200
    assert "1 link could not be canceled" in again.text


@pytest.mark.parametrize("ids", [[], ["x"], ["' OR 1=1"], [""], ["\x00"], [str(uuid.uuid4())]])
def test_a_choice_of_nothing_says_so(make, signed_in, ids):
    page = signed_in().post("links.cancel_many", {"link_id": ids})

    assert page.status == 422
    assert "No link is chosen" in page.text


def test_more_than_a_hundred_are_not_canceled_at_once(make, signed_in):
    link = make.link()
    ids = [str(link.id), *(str(uuid.uuid4()) for _ in range(100))]

    page = signed_in().post("links.cancel_many", {"link_id": ids, "confirmed": "1"})

    assert page.status == 422
    assert "At most 100 links at once" in page.text
    assert make.reload(link).status == "OPEN"


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil", ""])
def test_the_way_back_leads_to_our_own_pages(make, signed_in, back):
    page = signed_in().post("links.cancel_many", {"back": back})

    assert {one.get("href") for one in page.all("a") if "Back" in "".join(one.itertext())} == {"/links"}


def test_only_what_can_be_canceled_can_be_chosen_and_only_by_who_may(make, signed_in):
    make.link()
    make.link(status=LinkStatus.PAID)

    def boxes(client) -> int:
        return len([one for one in client.get("links.index").all("input") if one.get("name") == "link_id"])

    assert boxes(signed_in()) == 1
    assert boxes(signed_in(Role.VIEWER)) == 0
    assert signed_in(Role.VIEWER).post("links.cancel_many", {"link_id": []}).status == 403


# ---------------------------------------------------------------- CSV


def test_the_csv_has_every_fact_of_a_link(make, signed_in, app_url):
    expires = now() + dt.timedelta(days=3)
    link = made(
        make, "Oak bench, 1.8 m", 1240_00, reference="INV-1", expires_at=expires,
        contact=Contact("Mara Lindqvist", "mara@harbour.example"), return_url="https://shop.example/thanks",
        own_data={"order": "4711"},
    )  # fmt: skip

    page = signed_in().get("links.export")

    (row,) = table(page)
    zone = ZoneInfo(make.merchant.time_zone)
    assert tuple(row) == link_export.COLUMNS
    assert (row["id"], row["code"], row["status"]) == (str(link.id), link.short_code, "OPEN")
    assert (row["amount"], row["currency"], row["methods"]) == ("1240.00", "AUD", "CARD")
    assert (row["description"], row["reference"]) == ("Oak bench, 1.8 m", "INV-1")
    assert (row["customer_name"], row["customer_email"]) == ("Mara Lindqvist", "mara@harbour.example")
    assert row["expires_at"] == expires.astimezone(zone).isoformat(timespec="seconds")
    assert dt.datetime.fromisoformat(row["created_at"]).utcoffset() == link.created_at.astimezone(zone).utcoffset()
    assert json.loads(row["metadata"]) == {"order": "4711"}
    assert row["pay_url"] == f"{app_url}/p/{link.short_code}"
    assert (row["paid_at"], row["closed_at"], row["archived_at"], row["open_exceptions"]) == ("", "", "", "")
    assert page.headers["Content-Type"].startswith("text/csv")
    assert page.headers["Content-Disposition"].startswith('attachment; filename="links Vale Bicycles 20')
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert page.response.data.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("typed", ['=HYPERLINK("http://x")', "+1", "-1+2", "@SUM(1)", "＝cmd"])
def test_a_formula_is_a_text_in_the_csv(make, signed_in, typed):
    made(make, typed, reference=typed, contact=Contact(typed, ""))

    (row,) = table(signed_in().get("links.export"))

    wanted = typed if typed == "+1" else f"'{typed}"
    assert (row["description"], row["reference"], row["customer_name"]) == (wanted, wanted, wanted)


def test_the_csv_is_the_list_as_it_is_filtered_and_sorted(make, signed_in, monkeypatch):
    monkeypatch.setattr(link_export, "BATCH", 3)
    for number in range(8):
        made(make, f"Oak bench {number}", 1000 + number)
    made(make, "Elm stool", 5000)
    make.link(status=LinkStatus.DRAFT, description="Oak draft")
    client = signed_in()

    rows = table(client.get("links.export", status="OPEN", q="oak", sort="amount"))

    assert [row["description"] for row in rows] == [f"Oak bench {number}" for number in reversed(range(8))]
    assert len(table(client.get("links.export"))) == 10
    assert table(client.get("links.export", q="nothinglikethis")) == []


def test_the_csv_holds_nothing_of_a_neighbour(make, signed_in):
    made(make)

    assert NOISE not in signed_in().get("links.export").source


@pytest.mark.slow
def test_a_hundred_thousand_links_are_written_in_the_memory_of_a_thousand(make, observer):
    org = make.merchant.organization_id

    def peak(count: int) -> tuple[int, int]:
        with many_links(observer, org, count) as session:

            class Begun:
                def __enter__(self):
                    return session

                def __exit__(self, *_problem) -> None:
                    session.expunge_all()

            rows: Iterator[list[str]] = link_export.rows(
                Begun, org, Filter(), zone="Australia/Sydney", public_base_url="https://pay.example"
            )
            # What stands here already is not looked at again, so that a collection costs next to nothing.
            gc.collect()
            gc.freeze()
            written, before = 0, sys.getallocatedblocks()
            most = before
            for written, _ in enumerate(rows, start=1):
                if written % 500 == 0:
                    gc.collect()  # rings that nobody holds are no memory of ours, whenever Python comes by
                    most = max(most, sys.getallocatedblocks())
            gc.unfreeze()
        return written, most - before

    peak(1_000)  # what is made once, statements compiled and time zones read
    few, small = peak(3_000)
    many, large = peak(100_000)

    assert few > 2_900
    assert many > 90_000
    held = (large - small) / (many - few)
    assert held < 0.1, f"{large:,} pieces of memory at most instead of {small:,}: {held:.2f} for each further link"
