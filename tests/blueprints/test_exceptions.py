"""The pages of money that needs a person: safe first, then why, and nothing of anybody else."""

from __future__ import annotations

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import ExceptionKind
from provvypay.kit.db import transaction
from provvypay.kit.ids import uuid7
from provvypay.services import exception_list
from tests.support.factories import NOISE
from tests.support.hostile import MARKUP, planted


def held(link):
    with transaction(link.organization_id) as session:
        return exception_list.page(session, link.organization_id).rows[0]


def test_no_exceptions_is_good_news(signed_in):
    assert "All money that arrived has found its link" in signed_in().get("exceptions.index").text


@pytest.mark.parametrize("kind", list(ExceptionKind))
def test_held_money_is_listed_and_explained(make, signed_in, kind):
    link = make.exception(kind)
    row = held(link)
    client = signed_in()

    index = client.get("exceptions.index")
    page = client.get("exceptions.show", exception_id=row.id)

    for found in (index, page):
        assert row.sentence in found.text
        assert row.number in found.text
        assert link.description in found.text
        assert NOISE not in found.source
    assert "Customer Credits" in page.text
    assert f"/links/{link.id}" in [one.get("href") for one in page.all("a")]
    assert f"/exceptions/{row.id}" in [one.get("href") for one in index.all("a")]


def test_the_journal_is_shown_to_those_who_keep_the_books(make, signed_in):
    row = held(make.exception(ExceptionKind.DOUBLE))

    accountant = signed_in(Role.ACCOUNTANT).get("exceptions.show", exception_id=row.id)
    operator = signed_in(Role.OPERATOR).get("exceptions.show", exception_id=row.id)

    assert "/ledger/journals/" in accountant.source
    assert operator.status == 200
    assert "/ledger/journals/" not in operator.source


def test_another_organizations_exception_is_not_there(make, signed_in):
    other = make.organization()
    row = held(make.exception(ExceptionKind.LATE, merchant=other))
    client = signed_in()

    theirs = client.get("exceptions.show", exception_id=row.id)
    nobodys = client.get("exceptions.show", exception_id=uuid7())

    assert theirs.status == nobodys.status == 404
    assert theirs.text == nobodys.text
    assert row.number not in client.get("exceptions.index").source


@pytest.mark.parametrize("cursor", ["x", "A" * 36, "' OR 1=1", "\x00"])
def test_a_cursor_nobody_made_shows_the_first_page(make, signed_in, cursor):
    row = held(make.exception(ExceptionKind.LATE))

    assert row.number in signed_in().get("exceptions.index", cursor=cursor).text


@pytest.mark.parametrize("typed", MARKUP[:6])
def test_hostile_texts_stay_texts(make, signed_in, typed):
    link = make.link(description=typed, reference=typed)
    make.settled(link)
    make.settled(link)
    client = signed_in()

    for page in (client.get("exceptions.index"), client.get("exceptions.show", exception_id=held(link).id)):
        assert page.status == 200
        assert planted(page.root) == []
        assert typed in page.text
