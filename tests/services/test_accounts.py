"""The chart: names, accounts of one's own, archiving; nobody overwrites what they have not seen, and all is audited."""

from __future__ import annotations

import pytest

from provvypay.errors import Conflict, Invalid, NotFound
from provvypay.kit.db import transaction
from provvypay.services.ledger import accounts
from tests.support.factories import Make


def add(make: Make, code: str = "6150", name: str = "Postage", kind: str = "EXPENSE") -> None:
    with transaction(make.merchant.organization_id) as session:
        accounts.add(session, make.merchant.organization_id, code, name, kind, actor=make.merchant.actor)


def one(make: Make, code: str) -> accounts.ChartRow:
    with transaction(make.merchant.organization_id) as session:
        return accounts.one(session, make.merchant.organization_id, code)


def act(make: Make, what: str, code: str, *given: str, version: int = 1) -> None:
    with transaction(make.merchant.organization_id) as session:
        getattr(accounts, what)(
            session, make.merchant.organization_id, code, *given, version=version, actor=make.merchant.actor
        )


def test_an_account_of_ones_own_is_renamed_archived_and_brought_back(make: Make) -> None:
    add(make)
    act(make, "rename", "6150", "Postage and packaging")
    act(make, "archive", "6150", version=2)
    archived = one(make, "6150")
    act(make, "restore", "6150", version=3)

    assert archived.archived_at is not None
    kept = one(make, "6150")
    assert (kept.name, kept.kind, kept.is_system, kept.archived_at) == ("Postage and packaging", "EXPENSE", False, None)
    with transaction(make.merchant.organization_id) as session:
        written = session.connection().exec_driver_sql(
            "SELECT action FROM audit_logs WHERE subject_type = 'account' AND subject_id = '6150' ORDER BY id"
        )
        assert [row.action for row in written] == [
            f"account.{done}" for done in ("added", "renamed", "archived", "restored")
        ]


@pytest.mark.parametrize(
    ("code", "name", "kind", "wrong"),
    [
        ("615", "Postage", "EXPENSE", {"code"}),
        ("61500", "Postage", "EXPENSE", {"code"}),
        ("６１５０", "Postage", "EXPENSE", {"code"}),
        ("4000", "Postage", "EXPENSE", {"code"}),
        ("6150", "", "EXPENSE", {"name"}),
        ("6150", "x" * 81, "EXPENSE", {"name"}),
        ("6150", "stripe CLEARING", "EXPENSE", {"name"}),
        ("6150", "Postage", "EQUITY", {"kind"}),
        ("", "", "", {"code", "name", "kind"}),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_what_to_do(
    make: Make, code: str, name: str, kind: str, wrong: set[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        add(make, code, name, kind)

    assert set(refused.value.fields) == wrong


def test_the_products_accounts_get_other_names_and_stay(make: Make) -> None:
    act(make, "rename", "4000", "Lessons")

    assert one(make, "4000").name == "Lessons"
    with pytest.raises(Conflict, match="product"):
        act(make, "archive", "4000", version=2)
    assert not one(make, "4000").may_be_archived


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(make: Make) -> None:
    add(make)
    act(make, "rename", "6150", "Freight")

    for what, given in (("rename", ("Post",)), ("archive", ()), ("restore", ())):
        with pytest.raises(Conflict):
            act(make, what, "6150", *given)
    assert one(make, "6150").name == "Freight"


def test_a_neighbours_account_is_not_there(make: Make) -> None:
    other = make.organization()
    with transaction(other.organization_id) as session:
        accounts.add(session, other.organization_id, "6150", "Theirs", "EXPENSE", actor=other.actor)

    with pytest.raises(NotFound):
        one(make, "6150")
    for what, given in (("rename", ("Ours",)), ("archive", ()), ("restore", ())):
        with pytest.raises(NotFound):
            act(make, what, "6150", *given)
