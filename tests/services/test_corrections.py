"""What people decide about held money: shown as journals first, done once, and told to who came second."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import ExceptionKind, LinkStatus, ResolutionAction
from provvypay.errors import Conflict, NotFound
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services.corrections import decide, held, marks
from provvypay.services.corrections.decide import Decision
from provvypay.services.corrections.held import Changed, NotPossible
from provvypay.services.corrections.plans import NotEnough, possible
from tests.services.test_crypto_settlement import balances
from tests.services.test_crypto_settlement import held as exceptions
from tests.support.crypto import arrives, quoted, rated, receiving

Action = ResolutionAction
Kind = ExceptionKind


@pytest.fixture
def account(make):
    return receiving(make.merchant)


def newest(organization_id: uuid.UUID) -> held.Credit:
    """Return the newest exception."""
    with transaction(organization_id) as session:
        found = session.execute(text("SELECT id FROM payment_exceptions ORDER BY id DESC LIMIT 1")).scalar_one()
        return held.read(session, organization_id, found)


def decision(make, action: Action, credit: held.Credit | None = None, **more) -> Decision:
    credit = credit or newest(make.merchant.organization_id)
    given = {"reason": "as agreed by phone", **more}
    return Decision(credit.id, credit.version, action, make.merchant.actor, **given)


def done(make, made: Decision):
    with transaction(make.merchant.organization_id) as session:
        return decide.decide(session, make.merchant.organization_id, made, RateTable(), now=now())


def shown(make, made: Decision):
    with transaction(make.merchant.organization_id) as session:
        return decide.preview(session, make.merchant.organization_id, made, now=now())[1]


# ---------------------------------------------------------------- accept, apply


@pytest.mark.parametrize("status", [LinkStatus.EXPIRED, LinkStatus.CANCELED])
def test_case_35_money_that_came_late_is_accepted_by_a_person(make, status):
    link = make.link(amount_minor=100_00, status=status)
    make.settled(link)

    plan = shown(make, decision(make, Action.ACCEPTED))
    made = done(make, decision(make, Action.ACCEPTED))

    assert [(draft.kind, len(draft.lines)) for draft in plan.drafts] == [("SALE", 2), ("PAYMENT", 2)]
    assert made.settled_link.id == link.id
    assert make.reload(link).status == LinkStatus.PAID
    assert balances(link.organization_id) == {"1050": 100_00, "4000": -100_00}
    with transaction(link.organization_id) as session:
        last = session.execute(
            text(
                "SELECT event, actor_id, reason FROM link_status_events WHERE link_id = :id ORDER BY seq DESC LIMIT 1"
            ),
            {"id": link.id},
        ).one()
    assert tuple(last) == ("link.late_payment_accepted", make.merchant.owner.id, "as agreed by phone")


def test_case_42_the_wrong_token_is_accepted_if_it_is_worth_enough(make, account):
    link = make.link(amount_minor=100_00)
    quoted(account, link, "USDC")
    rated("USDT", "AUD", "1.50")
    arrives(account, link, 66_666_667, "USDT")

    done(make, decision(make, Action.ACCEPTED))

    assert make.reload(link).status == LinkStatus.PAID
    assert balances(link.organization_id) == {"1053": 100_00, "4000": -100_00}


def test_case_30_a_short_payment_is_accepted_only_when_little_is_missing(make, account):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)
    arrives(account, link, due * 985 // 1000)

    with pytest.raises(NotEnough) as refused:
        done(make, decision(make, Action.ACCEPTED, write_off=True))
    assert "1.51" in refused.value.public_message

    arrives(account, link, due * 7 // 1000)
    with pytest.raises(NotEnough):
        done(make, decision(make, Action.ACCEPTED))
    done(make, decision(make, Action.ACCEPTED, write_off=True))

    assert make.reload(link).status == LinkStatus.PAID
    assert balances(link.organization_id) == {"1052": 99_18, "6120": 82, "4000": -100_00}
    assert [state for _, state, _ in exceptions(link.organization_id)] == ["RESOLVED", "RESOLVED"]


def test_case_40_a_second_payment_settles_another_link_and_the_rest_stays_a_credit(make):
    link, other = make.link(amount_minor=100_00, status=LinkStatus.PAID), make.link(amount_minor=60_00)
    make.settled(link)

    done(make, decision(make, Action.APPLIED, link_id=other.id))

    assert make.reload(other).status == LinkStatus.PAID
    assert balances(link.organization_id) == {"1050": 200_00, "2100": -40_00, "4000": -160_00}
    assert exceptions(link.organization_id) == [(Kind.DOUBLE, "OPEN", 100_00)]
    assert newest(link.organization_id).left_minor == 40_00


def test_case_84_no_money_settles_a_link_that_is_paid(make):
    link = make.link(amount_minor=100_00, status=LinkStatus.PAID)
    make.settled(link)

    with pytest.raises(Conflict) as refused:
        done(make, decision(make, Action.ACCEPTED))

    assert refused.value.code == "link_not_payable"


# ---------------------------------------------------------------- suspense


@pytest.mark.parametrize("currency", ["AUD", "USD"])
def test_case_44_money_without_a_memo_is_matched_by_a_person_in_the_links_currency(make, account, currency):
    link = make.link(amount_minor=100_00, currency=currency)
    rated("USDC", "AUD", "1.50")
    due = quoted(account, link, rate="1.50" if currency == "AUD" else "1.00")
    arrives(account, None, due)
    before = balances(link.organization_id)

    plan = shown(make, decision(make, Action.MATCHED, link_id=link.id))
    made = done(make, decision(make, Action.MATCHED, link_id=link.id))

    assert [draft.kind for draft in plan.drafts] == ["REVERSAL", "CREDIT"]
    assert set(before) == {"1052", "2190"}
    assert made.settled_link.id == link.id
    assert make.reload(link).status == LinkStatus.PAID
    assert balances(link.organization_id) == {"1052": 100_00, "4000": -100_00}
    with transaction(link.organization_id) as session:
        tokens = session.execute(
            text("SELECT sum(CASE side WHEN 'DEBIT' THEN asset_amount ELSE -asset_amount END) FROM ledger_entries")
        ).scalar_one()
    assert tokens == due


def test_matched_money_that_is_not_enough_waits_for_the_rest(make, account):
    link = make.link(amount_minor=100_00)
    rated("USDC", "AUD", "1.50")
    due = quoted(account, link)
    arrives(account, None, due // 2)

    assert done(make, decision(make, Action.MATCHED, link_id=link.id)).settled_link is None
    assert balances(link.organization_id) == {"1052": 49_99, "2100": -49_99}
    arrives(account, link, due - due // 2)

    assert make.reload(link).status == LinkStatus.PAID


def test_case_56_the_merchants_own_money_goes_to_the_bank_account(make, account):
    rated("USDC", "AUD", "1.50")
    arrives(account, None, 10_000_000)

    done(make, decision(make, Action.OWN_TRANSFER))

    assert balances(make.merchant.organization_id) == {"1052": 15_00, "1000": -15_00}


# ---------------------------------------------------------------- the rest, and who may do what to what


def test_case_33_a_surplus_is_kept_or_written_off_when_it_is_small(make, account):
    link = make.link(amount_minor=100_00)
    due = quoted(account, link)
    arrives(account, link, due + 400_000)

    done(make, decision(make, Action.KEPT))
    assert exceptions(link.organization_id) == [(Kind.OVER, "RESOLVED", 59)]
    assert balances(link.organization_id)["2100"] == -59
    done(make, decision(make, Action.WRITTEN_OFF))

    assert balances(link.organization_id) == {"1052": 100_59, "6120": -59, "4000": -100_00}


def test_what_no_book_shows_is_ignored_with_a_reason_and_booked_money_never(make, account):
    link = make.link()
    quoted(account, link)
    arrives(account, link, 5, None)

    done(make, decision(make, Action.IGNORED))
    make.settled(make.link(status=LinkStatus.CANCELED))
    with pytest.raises(NotPossible):
        done(make, decision(make, Action.IGNORED))

    assert [(kind, state) for kind, state, _ in exceptions(link.organization_id)] == [
        (Kind.UNKNOWN_TOKEN, "RESOLVED"),
        (Kind.LATE, "OPEN"),
    ]


def test_the_decisions_offered_fit_the_money(make, account):
    late = make.link(status=LinkStatus.EXPIRED)
    make.settled(late)
    credit = newest(late.organization_id)
    with transaction(late.organization_id) as session:
        link = held.target(session, late.organization_id, late.id, locked=False)

    assert possible(credit, link) == (Action.ACCEPTED, Action.APPLIED, Action.KEPT)
    assert possible(replace(credit, kind=Kind.OVER, left_minor=50), link)[-1] is Action.WRITTEN_OFF
    assert possible(replace(credit, left_minor=0), link) == ()


def test_two_who_decide_at_once_one_wins_and_the_other_is_told(make, in_threads):
    link = make.link(amount_minor=100_00, status=LinkStatus.EXPIRED)
    make.settled(link)
    made = decision(make, Action.ACCEPTED)

    problems = in_threads(
        6, lambda session: decide.decide(session, link.organization_id, made, RateTable(), now=now()), role="web"
    )

    assert [type(problem) for problem in problems] == [Changed] * 5
    assert balances(link.organization_id) == {"1050": 100_00, "4000": -100_00}


def test_another_organizations_exceptions_and_links_are_not_found(make):
    link = make.link(status=LinkStatus.CANCELED)
    make.settled(link)
    other = make.organization()
    theirs = make.link(merchant=other)
    made = decision(make, Action.KEPT)

    with pytest.raises(NotFound), transaction(other.organization_id) as session:
        decide.decide(session, other.organization_id, made, RateTable(), now=now())
    with pytest.raises(NotFound):
        done(make, decision(make, Action.APPLIED, link_id=theirs.id))


# ---------------------------------------------------------------- by hand


def mark(make, link, **more) -> marks.Mark:
    given = {
        "mark_id": uuid.uuid4(),
        "link_id": link.id,
        "method": "BANK_TRANSFER",
        "paid_at": now(),
        "reference": "2026-11",
        "reason": "seen on the statement",
        "actor": make.merchant.actor,
    }
    return marks.Mark(**{**given, **more})


def marked(make, made: marks.Mark):
    with transaction(make.merchant.organization_id) as session:
        return marks.mark_paid(session, make.merchant.organization_id, made, RateTable(), now=now())


def undone(make, link) -> LinkStatus:
    with transaction(link.organization_id) as session:
        return marks.undo(
            session, link.organization_id, link.id, actor=make.merchant.actor, reason="the wrong one", now=now()
        )


@pytest.mark.parametrize("status", [LinkStatus.OPEN, LinkStatus.EXPIRED, LinkStatus.CANCELED])
def test_case_85_and_87_a_mark_is_booked_to_the_bank_and_undone_by_reversal(make, status):
    link = make.link(amount_minor=100_00, status=status)
    made = mark(make, link)

    assert marked(make, made) is not None
    assert marked(make, made) is None
    assert make.reload(link).status == LinkStatus.PAID
    assert balances(link.organization_id) == {"1000": 100_00, "4000": -100_00}

    assert undone(make, link) is status
    assert make.reload(link).status == status
    assert balances(link.organization_id) == {}


def test_a_mark_pays_what_parts_left_and_its_undoing_gives_them_back(make, account):
    link = make.link(amount_minor=100_00)
    arrives(account, link, quoted(account, link) // 2)

    marked(make, mark(make, link))
    assert balances(link.organization_id) == {"1000": 50_01, "1052": 49_99, "4000": -100_00}
    undone(make, link)

    assert balances(link.organization_id) == {"1052": 49_99, "2100": -49_99}
    assert exceptions(link.organization_id) == [(Kind.SHORT, "OPEN", 49_99)]


def test_case_86_money_that_arrives_after_a_mark_is_a_double_payment(make):
    link = make.link(amount_minor=100_00)
    marked(make, mark(make, link))

    make.settled(link)

    assert exceptions(link.organization_id) == [(Kind.DOUBLE, "OPEN", 100_00)]


def test_only_a_mark_is_undone_and_only_an_unpaid_link_marked(make):
    paid = make.link(status=LinkStatus.PAID)

    with pytest.raises(marks.NotMarkable):
        undone(make, paid)
    with pytest.raises(marks.NotMarkable):
        marked(make, mark(make, paid))
    with pytest.raises(marks.NotMarkable):
        marked(make, mark(make, make.link(status=LinkStatus.DRAFT)))


# ---------------------------------------------------------------- whatever people do


ACTS = st.sampled_from(["card", "token", "nameless", "mark", "undo", *Action])


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    acts=st.lists(
        st.tuples(
            st.sampled_from(["card", "token", "nameless", "mark", "undo", *Action]), st.integers(0, 3), st.booleans()
        ),
        min_size=4,
        max_size=14,
    )
)
def test_the_books_balance_whatever_is_decided(make, acts):
    merchant = make.organization()
    account = receiving(merchant)
    rated("USDC", "AUD", "1.50")
    links = [make.link(amount_minor=amount, merchant=merchant) for amount in (50_00, 100_00, 100_01, 20_00)]
    due = [quoted(account, link) for link in links]

    for act, number, flag in acts:
        link = links[number]
        with_link = {"link_id": link.id} if act in {Action.APPLIED, Action.MATCHED} else {}
        try:
            if act == "card":
                make.settled(link)
            elif act in {"token", "nameless"}:
                arrives(account, link if act == "token" else None, due[number] * (1 + flag) // 2)
            elif act in {"mark", "undo"}:
                made = mark(make, link, actor=merchant.actor)
                with transaction(merchant.organization_id) as session:
                    if act == "mark":
                        marks.mark_paid(session, merchant.organization_id, made, RateTable(), now=now())
                    else:
                        given = {"actor": merchant.actor, "reason": "x", "now": now() + dt.timedelta(seconds=1)}
                        marks.undo(session, merchant.organization_id, link.id, **given)
            else:
                with transaction(merchant.organization_id) as session:
                    ids = session.execute(text("SELECT id FROM payment_exceptions ORDER BY id")).scalars().all()
                    if not ids:
                        continue
                    credit = held.read(session, merchant.organization_id, ids[number % len(ids)])
                    made = Decision(
                        credit.id, credit.version, act, merchant.actor, reason="x", write_off=flag, **with_link
                    )
                    decide.decide(session, merchant.organization_id, made, RateTable(), now=now())
        except Conflict:
            continue

    books = balances(merchant.organization_id)
    assert sum(books.values()) == 0
    assert "1200" not in books
    with transaction(merchant.organization_id) as session:
        still = session.execute(
            text("SELECT coalesce(sum(still_held(id)), 0) FROM payment_exceptions WHERE held_in IS NOT NULL")
        ).scalar_one()
    assert still == -(books.get("2100", 0) + books.get("2190", 0))
    paid = [link for link in links if make.reload(link).status == LinkStatus.PAID]
    assert -books.get("4000", 0) == sum(link.amount_minor for link in paid)
