"""The legal steps of a link are a table; every other pair is refused."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from provvypay.domain.statuses import LinkStatus
from provvypay.services.state_machine import RETRY_WAITS, TRANSITIONS, IllegalStep, Step, check_step, retry_wait

EVENTS = sorted({step.event for step in TRANSITIONS})


@pytest.mark.parametrize("step", list(itertools.starmap(Step, itertools.product(LinkStatus, LinkStatus, EVENTS))))
def test_every_combination_is_legal_exactly_if_it_is_in_the_table(step: Step) -> None:
    if step in TRANSITIONS:
        assert check_step(step.source, step.target, step.event) == step
    else:
        with pytest.raises(IllegalStep):
            check_step(step.source, step.target, step.event)


def test_nothing_returns_to_new_and_nothing_leaves_paid_but_an_undone_mark() -> None:
    assert not [step for step in TRANSITIONS if step.target is LinkStatus.NEW]
    assert {step.event for step in TRANSITIONS if step.source is LinkStatus.PAID} == {"link.mark_undone"}


def test_waits_follow_the_schedule_within_a_tenth_and_then_end() -> None:
    for attempts, planned in enumerate(RETRY_WAITS, start=1):
        wait = retry_wait(attempts)
        assert wait is not None
        assert abs(wait - planned) <= planned * 0.1 + dt.timedelta(milliseconds=1)
    assert retry_wait(6) is None
