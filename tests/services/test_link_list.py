"""Lists of links: every order and filter page by page, searches that find what people mean, nothing read through."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain.statuses import LinkStatus
from provvypay.flows import create_link
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.payment_link import PaymentLink
from provvypay.services import keyset, link_contacts, link_list, link_query, link_search
from provvypay.services.link_contacts import NOBODY, Contact
from provvypay.services.link_list import ARCHIVED, SORTS, Filter
from provvypay.services.payment_links import LinkDetails
from tests.support.database import Observer
from tests.support.factories import Make, Merchant
from tests.support.statements import many_links, plan_nodes, rows_read, sent_by

DAY = dt.timedelta(days=1)


def listed(merchant: Merchant, chosen: Filter, *, size: int = 25) -> list[str]:
    """Return the descriptions of all pages, one after the other."""
    found: list[str] = []
    cursor = None
    with transaction(merchant.organization_id) as session:
        while True:
            page = link_list.page(session, merchant.organization_id, chosen, cursor=cursor, size=size)
            found += [row.description for row in page.rows]
            if page.older is None:
                return found
            cursor = chosen.cursor(page.older)


def searched(merchant: Merchant, query: str) -> set[str]:
    return set(listed(merchant, Filter(query=query)))


def made(merchant: Merchant, description: str, amount_minor: int = 120_50, **more: Any) -> PaymentLink:
    details = LinkDetails(amount_minor, more.pop("currency", merchant.currency), description, **more)
    return create_link.create_link(merchant.organization_id, details, actor=merchant.actor, open_now=True)


# ---------------------------------------------------------------- orders


def test_the_largest_amount_comes_first_currency_by_currency(make: Make) -> None:
    made(make.merchant, "small", 1_00)
    made(make.merchant, "yen", 48_000, currency="JPY")
    made(make.merchant, "large", 900_00)
    make.link(status=LinkStatus.DRAFT, description="middle", amount_minor=500_00)

    assert listed(make.merchant, Filter(sort="amount"), size=2) == ["yen", "large", "middle", "small"]


def test_what_ends_soonest_comes_first_and_what_never_ends_last(make: Make) -> None:
    made(make.merchant, "never")
    made(make.merchant, "late", expires_at=now() + 9 * DAY)
    made(make.merchant, "soon", expires_at=now() + DAY)

    assert listed(make.merchant, Filter(sort="expiry", status="OPEN"), size=1) == ["soon", "late", "never"]


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_leads_there_and_back_and_a_new_link_moves_nothing(make: Make, sort: str) -> None:
    for number in range(7):
        made(make.merchant, f"Bell {number}", 1000 * (number % 3 + 1), expires_at=now() + (number % 2 + 1) * DAY)
    chosen = Filter(sort=sort)
    org = make.merchant.organization_id

    def page(cursor: str | None) -> keyset.Page[link_list.LinkRow]:
        with transaction(org) as session:
            return link_list.page(session, org, chosen, cursor=chosen.cursor(cursor), size=3)

    first = page(None)
    made(make.merchant, "made meanwhile", 2000, expires_at=now() + DAY)
    second = page(first.older)
    back = page(second.newer)

    assert [row.description for row in back.rows if row.description != "made meanwhile"][:1]
    seen = [row.id for row in first.rows + second.rows]
    assert len(set(seen)) == 6
    if sort == "newest":
        assert back.rows == first.rows


@pytest.mark.parametrize("encoded", ["x", "A" * 36, "' OR 1=1", "é", "A" * 4000, "_" * 38])
@pytest.mark.parametrize("sort", SORTS)
def test_a_cursor_that_is_none_shows_the_first_page(make: Make, sort: str, encoded: str) -> None:
    made(make.merchant, "Bell")
    chosen = Filter(sort=sort)

    with transaction(make.merchant.organization_id) as session:
        page = link_list.page(session, make.merchant.organization_id, chosen, cursor=chosen.cursor(encoded))

    assert [row.description for row in page.rows] == ["Bell"]


def test_what_an_address_says_wrongly_is_as_if_it_were_not_said() -> None:
    assert Filter.read({"status": "' OR 1=1", "sort": "id; DROP TABLE", "q": "\x00"}) == Filter()
    assert Filter.read({"status": "OPEN", "sort": "amount", "q": " a  b "}) == Filter("OPEN", "a b", "amount")
    assert Filter.read({"status": ARCHIVED, "sort": "amount"}) == Filter(ARCHIVED)
    assert Filter("OPEN", "a b", "amount").address() == {"status": "OPEN", "q": "a b", "sort": "amount"}
    assert Filter().address() == {}


# ---------------------------------------------------------------- the archive


def test_what_is_archived_is_out_of_sight_and_under_its_own_name(make: Make) -> None:
    old = make.link(status=LinkStatus.CANCELED, description="Old bell")
    make.link(description="New bell")
    create_link.archive(make.merchant.organization_id, old.id, actor=make.merchant.actor)

    assert listed(make.merchant, Filter()) == ["New bell"]
    assert listed(make.merchant, Filter(status="CANCELED")) == []
    assert searched(make.merchant, "bell") == {"New bell"}
    assert listed(make.merchant, Filter(status=ARCHIVED)) == ["Old bell"]
    assert listed(make.merchant, Filter(status=ARCHIVED, query="old")) == ["Old bell"]
    with transaction(make.merchant.organization_id) as session:
        counts = link_list.counts(session, make.merchant.organization_id)
    assert (counts["ALL"], counts["CANCELED"], counts[ARCHIVED]) == ("1", "0", "1")


# ---------------------------------------------------------------- search


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ("oak", True),
        ("OAK bench", True),
        ("ben oa", True),
        ("cafe", True),
        ("zoë", True),
        ("lindq", True),
        ("mara@harb", True),
        ("harbour.example", True),
        ("inv-2041", True),
        ("1,240.00", True),
        ("1240", True),
        ("1240.5", False),
        ("AUD 1240.00", True),
        ("nzd 1240", False),
        ("aud", True),
        ("au", False),
        ("oak table", False),
        ("ak", False),
        ("lindqvist 2041 oak 1240", True),
    ],
)
def test_a_search_finds_words_customers_and_amounts(make: Make, query: str, finds: bool) -> None:
    made(
        make.merchant, "Oak bench for Café Zoe", 1240_00, reference="INV-2041",
        contact=Contact("Mara Lindqvist", "mara@harbour.example"),
    )  # fmt: skip
    made(make.merchant, "Something else", 99_00)

    assert ("Oak bench for Café Zoe" in searched(make.merchant, query)) is finds


def test_a_search_never_meets_another_organizations_words(make: Make) -> None:
    neighbour = make.organization()
    made(neighbour, "Walnut desk", contact=Contact("Ada Byron", "ada@byron.example"))
    made(make.merchant, "Oak desk")

    assert searched(make.merchant, "desk") == {"Oak desk"}
    assert searched(make.merchant, "ada") == set()
    with transaction(make.merchant.organization_id) as session:
        found = link_search.find(session, neighbour.organization_id, "walnut")
    assert found is not None
    assert found.ids == [], "not even for somebody who names the other one"


def test_what_a_link_says_anew_is_found_and_what_it_said_is_not(make: Make) -> None:
    link = made(make.merchant, "Oak bench", contact=Contact("Mara", ""))
    details = LinkDetails(link.amount_minor, link.currency, "Elm stool", contact=Contact("Tom", ""))

    create_link.edit(link.organization_id, link.id, details, version=link.version, actor=make.merchant.actor)

    assert searched(make.merchant, "elm") == searched(make.merchant, "tom") == {"Elm stool"}
    assert searched(make.merchant, "oak") == searched(make.merchant, "mara") == set()


def test_an_erased_customer_is_found_by_nothing(make: Make) -> None:
    link = made(make.merchant, "Oak bench", contact=Contact("Mara Lindqvist", "mara@harbour.example"))

    with transaction(link.organization_id) as session:
        link_contacts.keep(session, link.organization_id, link.id, NOBODY, now=now())

    assert searched(make.merchant, "mara") == set()
    assert searched(make.merchant, "oak") == {"Oak bench"}
    assert make.reload(link).version == link.version, "the link itself is as it was"


@pytest.mark.parametrize(
    "query",
    ["'", "':* | 'a", "a:* & !b", "\\", "((((", "<->", "''::tsquery", "x" * 5000, "é" * 99, "𝓤" * 40, "\u0130 ß ſ"],
)
def test_signs_of_a_query_language_are_signs(make: Make, query: str) -> None:
    made(make.merchant, "Oak bench")

    assert searched(make.merchant, query) == set()


# ---------------------------------------------------------------- never read through


@pytest.fixture(scope="module")
def deep() -> keyset.Cursor:
    return keyset.Cursor(now() - dt.timedelta(minutes=15_000), uuid.uuid4())


def chosen_lists(deep: keyset.Cursor) -> list[tuple[Filter, Any]]:
    middle = link_list.AmountCursor("AUD", 11_000, uuid.uuid4())
    soon = keyset.Cursor(now() + DAY, uuid.uuid4())
    lists: list[tuple[Filter, Any]] = [
        (Filter(status, sort=sort), None) for status in (None, "OPEN", "EXPIRED") for sort in SORTS
    ]
    return [
        *lists, (Filter(ARCHIVED), None), (Filter(), deep), (Filter("DRAFT"), deep), (Filter(sort="amount"), middle),
        (Filter("OPEN", sort="amount"), middle), (Filter(sort="expiry"), soon),
    ]  # fmt: skip


def test_twenty_thousand_links_are_listed_in_every_order_without_reading_them(
    make: Make, observer: Observer, deep: keyset.Cursor
) -> None:
    org = make.merchant.organization_id
    with many_links(observer, org, 20_000) as session:
        before = rows_read(session)
        with sent_by(session) as sent:
            for chosen, cursor in chosen_lists(deep):
                link_list.page(session, org, chosen, cursor=cursor)
            asked = list(sent)
        after = rows_read(session)
        plans = [plan_nodes(session, statement, parameters) for statement, parameters in asked]

    lists = len(asked)
    assert through(before, after) == 0
    assert by_index(before, after, "payment_links") < lists * 5 * 30
    kinds = {(node["Node Type"], node.get("Relation Name")) for nodes in plans for node in nodes}
    assert ("Seq Scan", "payment_links") not in kinds
    assert ("Seq Scan", "link_contacts") not in kinds


@pytest.mark.parametrize(
    ("query", "hits", "most_read"),
    [
        ("nothinglikethis", 0, 0),
        ("crate nothinglikethis", 0, 0),
        ("19997", 1, 40),
        ("crate 19997", 1, 40),
        ("1999", 11, 80),
        ("crate", 25, 400),
        ("201.03", 1, 40),
    ],
)
def test_a_search_reads_what_it_finds_and_no_more(
    make: Make, observer: Observer, query: str, hits: int, most_read: int
) -> None:
    org = make.merchant.organization_id
    with many_links(observer, org, 20_000) as session:
        before = rows_read(session)
        page = link_list.page(session, org, Filter(query=query))
        after = rows_read(session)

    assert len(page.rows) == hits
    assert through(before, after) == 0
    assert by_index(before, after, "payment_links") <= most_read


def test_a_frequent_word_is_found_where_it_is_rare(
    make: Make, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every link has the word, but what was asked for lies behind more links than are asked one by one."""
    monkeypatch.setattr(link_query, "WINDOW", 10)
    org = make.merchant.organization_id
    with many_links(observer, org, 6_000) as session:
        before = rows_read(session)
        lists = {
            (status, sort): link_list.page(session, org, Filter(status, "crate", sort))
            for status in (None, "PAID", "EXPIRED")
            for sort in SORTS
        }
        plain = {key: link_list.page(session, org, Filter(key[0], "", key[1])) for key in lists}
        after = rows_read(session)

    assert {key: page.rows for key, page in lists.items()} == {key: page.rows for key, page in plain.items()}
    assert len(lists["PAID", "newest"].rows) == 25
    assert lists["EXPIRED", "amount"].rows == []
    assert through(before, after) == 0


def test_the_sweep_reads_what_is_due_and_no_more(make: Make, observer: Observer) -> None:
    org = make.merchant.organization_id
    with many_links(observer, org, 20_000) as session:
        plan = sweep_plan(session)

    assert {node.get("Index Name") for node in plan} >= {"ix_payment_links_expiring"}
    assert "Seq Scan" not in {node["Node Type"] for node in plan}


def sweep_plan(session: Session) -> list[dict[str, Any]]:
    """Return the plan of what stands in due_expiries(): the function's own text, with values for its parameters."""
    body = session.execute(
        text("SELECT prosrc FROM pg_proc WHERE oid = 'due_expiries(int, timestamptz, uuid)'::regprocedure")
    ).scalar_one()
    statement = body.strip().rstrip(";").replace("after_id", f"'{uuid.UUID(int=0)}'::uuid").replace("most", "200")
    statement = statement.replace("after", "'-infinity'::timestamptz").replace("FOR UPDATE OF l SKIP LOCKED", "")
    session.execute(text("RESET ROLE"))
    return plan_nodes(session, statement, {})


Counted = dict[str, tuple[int, int]]


def through(before: Counted, after: Counted) -> int:
    """Return how many rows of links, words and contacts were read by reading a table through."""
    names = ("payment_links", "link_search", "link_contacts")
    return sum(after.get(name, (0, 0))[0] - before.get(name, (0, 0))[0] for name in names)


def by_index(before: Counted, after: Counted, table: str) -> int:
    return after.get(table, (0, 0))[1] - before.get(table, (0, 0))[1]
