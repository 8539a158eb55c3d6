"""Corrections by several people at once: one wins, the others are told, and the books stay right."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus, ResolutionAction
from provvypay.errors import Conflict, Forbidden, Invalid
from provvypay.flows import corrections, live
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services.audit import Actor
from provvypay.services.corrections import held, requests
from provvypay.services.corrections.decide import Decision
from provvypay.services.corrections.marks import Mark
from tests.support.corrections import asked_for, limited
from tests.support.database import Observer, acting_as, together
from tests.support.factories import Make


def credit_of(observer: Observer, link: Any) -> held.Credit:
    found = observer.sql("SELECT id FROM payment_exceptions WHERE link_id = :id", id=link.id)[0].id
    with transaction(link.organization_id) as session:
        return held.read(session, link.organization_id, found)


def decision(
    credit: held.Credit, actor: Actor, action: ResolutionAction = ResolutionAction.ACCEPTED, **more: Any
) -> Decision:
    return Decision(credit.id, credit.version, action, actor, **{"reason": "as agreed", **more})


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    def one(number: int) -> Any:
        with acting_as("web"):
            return works[number]()

    return together(len(works), one)


@pytest.fixture
def late(make: Make) -> Any:
    link = make.link(status=LinkStatus.EXPIRED)
    make.settled(link)
    return link


def test_several_people_and_tabs_decide_at_once_and_one_wins(make: Make, late: Any, observer: Observer) -> None:
    people = [make.merchant.owner, make.member(Role.ADMIN), make.member(Role.ACCOUNTANT)]
    credit, other = credit_of(observer, late), make.link()
    org, token = late.organization_id, live.new_face_token(late.short_code)
    makes = [
        decision(credit, person.actor, action, **more)
        for person in people
        for action, more in (
            (ResolutionAction.ACCEPTED, {}),
            (ResolutionAction.APPLIED, {"link_id": other.id}),
            (ResolutionAction.KEPT, {}),
        )
    ]

    results = at_once([lambda made=made: corrections.take(org, made, request_id=uuid.uuid4()) for made in makes])

    done = [one for one in results if isinstance(one, corrections.Taken)]
    assert len(done) == 1
    assert all(isinstance(one, Conflict) for one in results if one not in done)
    assert len(observer.sql("SELECT 1 FROM payment_resolutions WHERE exception_id = :id", id=credit.id)) == 1
    if done[0].settled_link and done[0].settled_link.id == late.id:
        assert live.face_token(late.short_code) != token


def test_a_mark_and_its_customers_card_at_once_settle_the_link_once(make: Make, observer: Observer) -> None:
    link = make.link()
    marks = [Mark(uuid.uuid4(), link.id, "CASH", now(), "17", "in the till", make.merchant.actor) for _ in range(3)]
    works: list[Callable[[], Any]] = [
        lambda made=made: corrections.mark_paid(link.organization_id, made) for made in marks
    ]

    at_once([*works, lambda: make.settled(link)])

    assert make.reload(link).status == LinkStatus.PAID
    settled = observer.sql("SELECT 1 FROM settlements WHERE link_id = :id AND voided_at IS NULL", id=link.id)
    assert len(settled) == 1
    kinds = [row.kind for row in observer.sql("SELECT kind FROM payment_exceptions WHERE link_id = :id", id=link.id)]
    assert kinds in ([], ["DOUBLE"])


def test_two_approve_and_one_declines_at_once_and_one_of_them_counts(make: Make, observer: Observer) -> None:
    link = make.link()
    row, org = asked_for(make, link), link.organization_id
    admin, accountant = make.member(Role.ADMIN).actor, make.member(Role.ACCOUNTANT).actor

    with pytest.raises(Forbidden):
        corrections.approve(org, row.id, actor=make.merchant.actor, version=0)
    results = at_once(
        [
            lambda: corrections.approve(org, row.id, actor=admin, version=0),
            lambda: corrections.approve(org, row.id, actor=accountant, version=0),
            lambda: corrections.reject(org, row.id, actor=accountant),
        ]
    )

    assert len([one for one in results if isinstance(one, requests.Request)]) == 1
    state = observer.sql("SELECT state FROM correction_requests WHERE id = :id", id=row.id)[0].state
    assert make.reload(link).status == (LinkStatus.PAID if state == "APPROVED" else LinkStatus.OPEN)


def test_the_same_is_asked_for_once_however_many_ask(make: Make, late: Any, observer: Observer) -> None:
    limited(late.organization_id, 1_00)
    credit, actor, form = credit_of(observer, late), make.merchant.actor, uuid.uuid4()
    with pytest.raises(Invalid):
        corrections.take(late.organization_id, decision(credit, actor, reason=""), request_id=form)
    ids = [form, form, uuid.uuid4(), uuid.uuid4()]

    results = at_once(
        [lambda one=one: corrections.take(late.organization_id, decision(credit, actor), request_id=one) for one in ids]
    )

    assert len(observer.sql("SELECT 1 FROM correction_requests WHERE exception_id = :id", id=credit.id)) == 1
    assert all(isinstance(one, corrections.Taken | requests.AlreadyAsked) for one in results)
    assert make.reload(late).status == LinkStatus.EXPIRED


def test_another_currency_always_needs_the_second_person_where_there_is_a_limit(make: Make) -> None:
    link, org = make.link(currency="USD", amount_minor=1_00), make.merchant.organization_id
    made = Mark(uuid.uuid4(), link.id, "CASH", now(), "17", "in the till", make.merchant.actor)
    limited(org, 500_00)

    assert corrections.mark_paid(org, made) is None
    assert make.reload(link).status == LinkStatus.OPEN
    small = make.link(amount_minor=500_00)
    own = Mark(uuid.uuid4(), small.id, "CASH", now(), "18", "in the till", make.merchant.actor)
    assert corrections.mark_paid(org, own) is not None
