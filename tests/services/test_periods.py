"""Closed periods: money that belongs there is booked at the first open instant, also when both happen at once."""

from __future__ import annotations

import datetime as dt
import threading
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict, Invalid
from provvypay.kit.clock import now
from provvypay.kit.db import engine, transaction
from provvypay.services.ledger import journal_views, periods, reads
from tests.support.database import acting_as
from tests.support.factories import Make, Merchant

SYDNEY = "Australia/Sydney"
DAY = dt.timedelta(days=1)


def today() -> dt.date:
    return now().astimezone(ZoneInfo(SYDNEY)).date()


def first_open(through: dt.date) -> dt.datetime:
    return dt.datetime.combine(through + DAY, dt.time(), ZoneInfo(SYDNEY))


def close(merchant: Merchant, through: dt.date | None, *, seen: int = 0, reason: str = "") -> None:
    with transaction(merchant.organization_id) as session:
        periods.change(
            session,
            merchant.organization_id,
            through,
            seen=seen,
            time_zone=merchant.time_zone,
            reason=reason,
            actor=merchant.actor,
            now=now(),
        )


def held(merchant: Merchant) -> periods.LockView | None:
    with transaction(merchant.organization_id) as session:
        return periods.current(session, merchant.organization_id)


def audited(merchant: Merchant) -> list[tuple[str, str | None, str]]:
    with transaction(merchant.organization_id) as session:
        rows = session.connection().exec_driver_sql(
            "SELECT action, detail->>'through', detail->>'reason' FROM audit_logs WHERE subject_type = 'period_lock'"
            " ORDER BY id"
        )
        return [tuple(row) for row in rows]


def test_a_day_ends_in_the_organizations_zone_and_the_lock_names_who_set_it(make: Make) -> None:
    through = today() - 3 * DAY

    close(make.merchant, through)

    lock = held(make.merchant)
    assert lock is not None
    assert (lock.seq, lock.locked_through, lock.open_from) == (1, through, first_open(through))
    assert lock.by_name == make.merchant.owner.name
    assert audited(make.merchant) == [("period.locked", through.isoformat(), "")]


@pytest.mark.parametrize("days", [0, -1, -400])
def test_a_day_that_is_not_over_stays_open(make: Make, days: int) -> None:
    with pytest.raises(Invalid, match="over"):
        close(make.merchant, today() - days * DAY)


def test_opening_needs_a_reason_and_leaves_it_in_the_record(make: Make) -> None:
    early, late = today() - 9 * DAY, today() - 3 * DAY
    close(make.merchant, late)

    for through in (early, None):
        with pytest.raises(Invalid, match="why"):
            close(make.merchant, through, seen=1)
    close(make.merchant, early, seen=1, reason="An invoice was forgotten")
    close(make.merchant, None, seen=2, reason="Audit")

    assert [row[0] for row in audited(make.merchant)] == ["period.locked", "period.opened", "period.opened"]
    assert audited(make.merchant)[2] == ("period.opened", None, "Audit")
    with transaction(make.merchant.organization_id) as session:
        found = periods.history(session, make.merchant.organization_id)
    assert [(lock.seq, lock.locked_through) for lock in found] == [(3, None), (2, early), (1, late)]


def test_who_saw_an_older_lock_is_told(make: Make) -> None:
    close(make.merchant, today() - 3 * DAY)

    with pytest.raises(Conflict):
        close(make.merchant, today() - 2 * DAY)
    with pytest.raises(Invalid, match="stand so already"):
        close(make.merchant, today() - 3 * DAY, seen=1)


def test_a_payment_of_a_closed_day_is_booked_at_the_first_open_instant(make: Make) -> None:
    through, then = today() - 3 * DAY, now() - 6 * DAY
    link = make.link(amount_minor=70_00)
    other = make.link(amount_minor=30_00)
    close(make.merchant, through)

    make.settled(link, make.incoming_payment(link, occurred_at=then))
    make.settled(other)

    assert make.reload(link).status == LinkStatus.PAID
    assert make.reload(link).paid_at == then
    organization_id = make.merchant.organization_id
    with transaction(organization_id) as session:
        moved = journal_views.of_link(session, organization_id, link.id)
        usual = journal_views.of_link(session, organization_id, other.id)
        closed = reads.trial_balance(session, organization_id, before=first_open(through))
    assert [(one.effective_at, one.moved_from) for one in moved] == [(first_open(through), then)] * 2
    assert [one.moved_from for one in usual] == [None, None]
    assert closed == []


def test_a_change_says_beforehand_what_it_does(make: Make) -> None:
    for days in (9, 1):
        link = make.link(status=LinkStatus.CANCELED)
        make.settled(link, make.incoming_payment(link, occurred_at=now() - days * DAY))
    middle, early = today() - 3 * DAY, today() - 30 * DAY

    def prospect(through: dt.date | None) -> periods.Prospect:
        with transaction(make.merchant.organization_id) as session:
            return periods.prospect(session, make.merchant.organization_id, through, time_zone=SYDNEY, now=now())

    closing = prospect(middle)
    close(make.merchant, middle)
    opening = prospect(early)

    assert closing == periods.Prospect(opens=False, before=first_open(middle), journals=1, open_exceptions=1)
    assert opening == periods.Prospect(opens=True, before=first_open(early), journals=1, open_exceptions=0)
    assert prospect(None).journals == 1


def test_money_that_arrives_while_the_books_are_being_closed_waits_and_is_moved(make: Make) -> None:
    through, then = today() - 3 * DAY, now() - 6 * DAY
    link = make.link()
    outcome: list[object] = []

    def arrive() -> None:
        outcome.append(make.settled(link, make.incoming_payment(link, occurred_at=then)).is_new)

    with acting_as("web"):
        organization_id = make.merchant.organization_id
        with transaction(organization_id) as session:
            periods.change(
                session, organization_id, through, seen=0, time_zone=SYDNEY, reason="", actor=make.merchant.actor,
                now=now(),
            )  # fmt: skip
            arriving = threading.Thread(target=arrive)
            arriving.start()
            _wait_until_somebody_waits_for_the_books()
    arriving.join(timeout=20)

    assert outcome == [True]
    with transaction(organization_id) as session:
        found = journal_views.of_link(session, organization_id, link.id)
    assert [one.effective_at for one in found] == [first_open(through)] * 2


STEPS = st.lists(
    st.tuples(st.sampled_from(["pay", "pay", "pay", "hold", "close", "open"]), st.integers(1, 40)),
    min_size=6,
    max_size=24,
)


@given(steps=STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_closed_figures_stay_whatever_arrives_in_whatever_order(make: Make, steps: list[tuple[str, int]]) -> None:
    merchant = make.organization()
    frozen: dict[dt.date, list[reads.TrialBalance]] = {}

    def figures(day: dt.date) -> list[reads.TrialBalance]:
        with transaction(merchant.organization_id) as session:
            return reads.trial_balance(session, merchant.organization_id, before=first_open(day))

    for what, days in steps:
        day, lock = today() - days * DAY, held(merchant)
        if what in {"pay", "hold"}:
            link = make.link(merchant=merchant, status=LinkStatus.OPEN if what == "pay" else LinkStatus.CANCELED)
            make.settled(link, make.incoming_payment(link, occurred_at=now() - days * DAY))
            assert make.reload(link).status == (LinkStatus.PAID if what == "pay" else LinkStatus.CANCELED)
        elif lock is None or lock.locked_through != day:
            closes = lock is None or lock.locked_through is None or lock.locked_through < day
            if closes == (what == "close"):
                close(merchant, day, seen=lock.seq if lock else 0, reason="" if closes else "again")
                frozen = {kept: known for kept, known in frozen.items() if kept <= day} | {day: figures(day)}
        assert {day: figures(day) for day in frozen} == frozen
    assert all(balance.balances for balance in figures(today()))


def _wait_until_somebody_waits_for_the_books() -> None:
    deadline = threading.Event()
    for _ in range(400):
        with engine().connect() as watching:
            waiting = watching.exec_driver_sql(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).scalar_one()
        if waiting:
            return
        deadline.wait(0.02)
    pytest.fail("nobody waits for the books")


def test_an_operator_closes_nothing_whatever_the_code_says(make: Make) -> None:
    operator = make.member(Role.OPERATOR)
    merchant = make.merchant

    with pytest.raises(Exception, match="does not keep these books"), transaction(merchant.organization_id) as session:
        periods.change(
            session, merchant.organization_id, today() - 3 * DAY, seen=0, time_zone=SYDNEY, reason="",
            actor=operator.actor, now=now(),
        )  # fmt: skip
