"""I-14, I-18 and I-19: hostile steps, statuses and amounts of a link."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from provvypay.domain.statuses import LinkStatus
from provvypay.kit.clock import now
from provvypay.models.payment_link import PaymentLink
from provvypay.services import payment_links
from provvypay.services.state_machine import TRANSITIONS
from tests.guards.ground import ROLES, SIGNING_IN, Ground, new, one, settle, step

LINK = (
    "INSERT INTO payment_links (id, organization_id, short_code, amount_minor, currency, description)"
    " VALUES (%(id)s, %(org)s, %(code)s, 100, 'AUD', 'x')"
)

# ---------------------------------------------------------------- I-19 the status is the last event


@pytest.mark.parametrize("role", SIGNING_IN)
@pytest.mark.parametrize(
    "column", ["status", "status_seq", "opened_at", "paid_at", "closed_at", "short_code", "organization_id", "id"]
)
def test_i19_neither_web_nor_worker_writes_what_events_write(role: str, column: str, ground: Ground):
    with ground.refuses(role, "42501") as write:
        write(f"UPDATE payment_links SET {column} = {column} WHERE id = %(link_open)s")


@pytest.mark.parametrize(
    "change",
    [
        "status = 'CANCELED', closed_at = now()",
        "status = 'PAID', paid_at = now()",
        "status_seq = 7",
        "status = 'DRAFT'",
    ],
)
def test_i19_the_owner_cannot_set_a_status_without_an_event(change: str, ground: Ground):
    with ground.refuses("owner", "23514") as write:
        write(f"UPDATE payment_links SET {change} WHERE id = %(link_open)s")


@pytest.mark.parametrize("column", ["status", "status_seq", "opened_at", "paid_at"])
def test_i19_the_web_cannot_make_a_link_with_a_status(column: str, ground: Ground):
    value = {"status": "'PAID'", "status_seq": "2"}.get(column, "now()")

    with ground.refuses("web", "42501") as write:
        write(
            LINK.replace("description)", f"description, {column})").replace("'x')", f"'x', {value})"),
            id=new(),
            code="22222222",
        )


@pytest.mark.parametrize("status", ["OPEN", "PAID", "CANCELED"])
def test_i19_the_owner_cannot_make_a_link_with_a_status(status: str, ground: Ground):
    with ground.refuses("owner", "23514", "is not what its last event says") as write:
        write(
            LINK.replace("description)", "description, status, paid_at)").replace("'x')", "'x', %(status)s, %(paid)s)"),
            id=new(), code="22222222", status=status, paid=now() if status == "PAID" else None,
        )  # fmt: skip


@pytest.mark.parametrize("role", ["web", "owner"])
@pytest.mark.parametrize("blindfold", [False, True])
def test_i18_a_link_without_a_first_step_is_refused(role: str, blindfold: bool, ground: Ground):
    with ground.refuses(role, "23514", "is not what its last event says") as write:
        write(LINK, id=new(), code="22222222")
        if blindfold:
            write("SELECT set_config('app.org_id', %(other_organization)s, true)")


def test_a_worker_makes_no_links(ground: Ground):
    with ground.refuses("worker", "42501") as write:
        write(LINK, id=new(), code="22222222")


# ---------------------------------------------------------------- I-18 the history is a path


def illegal() -> list[tuple[str, str, str]]:
    """Return every pair of states with an event that does not lead from one to the other."""
    steps = sorted(TRANSITIONS, key=lambda step: step.event)
    legal = {(step.source, step.target): step.event for step in steps}
    return [
        (source, target, legal.get((source, target), "link.opened").replace("link.", "link.not_"))
        for source in LinkStatus
        for target in LinkStatus
    ]


@pytest.mark.parametrize(("source", "target", "event"), illegal(), ids=str)
def test_i18_a_step_that_is_not_in_the_table_is_refused(source: str, target: str, event: str, ground: Ground):
    names = {
        "NEW": "link_open",
        "DRAFT": "link_draft",
        "OPEN": "link_open",
        "PAID": "link_paid",
        "EXPIRED": "link_expired",
    }
    # From NEW there is no link to be found: it is refused for what the link is.
    state = "55000" if source == "NEW" else "23503"

    with ground.refuses("worker", state) as write:
        step(write, ground.ids[names.get(source, "link_canceled")], source, target, event)
        if source != "NEW":
            write("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("link", "source", "target", "event"), [
    ("link_canceled", "OPEN", "EXPIRED", "link.expired"),
    ("link_paid", "OPEN", "CANCELED", "link.canceled"),
    ("link_draft", "NEW", "OPEN", "link.opened"),
])  # fmt: skip
def test_i18_a_step_from_where_the_link_is_not_is_refused(
    role: str, link: str, source: str, target: str, event: str, ground: Ground
):
    with ground.refuses(role, "55000", f"not {source}") as write:
        step(write, ground.ids[link], source, target, event)


def test_i18_a_number_of_ones_own_makes_no_gap(ground: Ground):
    with ground.refuses("web", "23514", "has no live settlement") as write:
        write(
            "INSERT INTO link_status_events (link_id, organization_id, seq, from_status, to_status,"
            " event, actor_type, effective_at)"
            " VALUES (%(link_open)s, %(org)s, 9, 'OPEN', 'PAID', 'link.paid', 'SYSTEM', now())"
        )
        assert one(write("SELECT max(seq) FROM link_status_events WHERE link_id = %(link_open)s")) == "2"


@pytest.mark.parametrize("event", ["link.marked_paid", "link.late_payment_accepted"])
@pytest.mark.parametrize(("actor_type", "reason"), [("SYSTEM", "late"), ("USER", "")])
def test_i18_a_correction_without_a_person_or_a_reason_is_refused(
    event: str, actor_type: str, reason: str, ground: Ground
):
    person = ground.ids["owner"] if actor_type == "USER" else None

    with ground.refuses("web", "23514", "correction_has_person_and_reason") as write:
        step(
            write, ground.ids["link_canceled"], "CANCELED", "PAID", event,
            actor_type=actor_type, actor_id=person, reason=reason,
        )  # fmt: skip


def test_i18_nobody_acts_in_the_systems_name(ground: Ground):
    with ground.refuses("web", "23514", "ck_link_status_events_actor") as write:
        step(write, ground.ids["link_open"], "OPEN", "CANCELED", "link.canceled", actor_id=ground.ids["owner"])


@pytest.mark.parametrize("role", SIGNING_IN)
def test_i18_neither_web_nor_worker_adds_a_legal_step(role: str, ground: Ground):
    with ground.refuses(role, "42501") as write:
        write("INSERT INTO link_transitions VALUES ('PAID', 'DRAFT', 'link.unpaid')")


def test_i18_of_two_steps_at_once_the_later_is_refused(ground: Ground):
    link = ground.world.link(ground.world.ours)

    ground.loses("worker", "55000", lambda write: settle(write, str(link.id)), canceling(ground, link))


@contextlib.contextmanager
def canceling(ground: Ground, link: PaymentLink) -> Iterator[None]:
    """Cancel a link as the product does, and commit when the block ends."""
    with ground.world.act(ground.world.ours) as session:
        payment_links.cancel(session, link.id, actor=ground.world.ours.owner, now=now())
        yield


# ---------------------------------------------------------------- I-14 what stays as it was


@pytest.mark.parametrize("role", ["web", "owner"])
@pytest.mark.parametrize("link", ["link_open", "link_paid", "link_expired", "link_canceled", "link_discarded"])
@pytest.mark.parametrize("change", ["amount_minor = 1", "currency = 'JPY'"])
def test_i14_the_amount_of_a_link_that_was_open_or_ended_is_frozen(role: str, link: str, change: str, ground: Ground):
    with ground.refuses(role, "55000", "is frozen") as write:
        write(f"UPDATE payment_links SET {change} WHERE id = %(link)s", link=ground.ids[link])


def test_i14_a_worker_changes_no_amount(ground: Ground):
    with ground.refuses("worker", "42501") as write:
        write("UPDATE payment_links SET amount_minor = 1 WHERE id = %(link_draft)s")


@pytest.mark.parametrize(
    "change", ["short_code = '22222222'", "organization_id = %(other_organization)s", "opened_at = NULL"]
)
def test_i14_the_owner_cannot_move_a_link(change: str, ground: Ground):
    with ground.refuses("owner", "55000") as write:
        write(f"UPDATE payment_links SET {change} WHERE id = %(link_open)s")


@pytest.mark.parametrize("code", ["23456789A", "ABCDEFGH", "2345678", "bcdfghjk"])
def test_i14_a_short_code_of_another_shape_is_refused(code: str, ground: Ground):
    with ground.refuses("web", "23514", "ck_payment_links_short_code_shape") as write:
        write(LINK, id=new(), code=code)
