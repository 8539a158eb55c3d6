"""Rates kept with links and settlements: a paused token's rate is a fact, an old one is not, a missing one may come."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from provvypay.domain.rates import RateTable
from provvypay.domain.statuses import LinkStatus
from provvypay.flows import current_rates as reading
from provvypay.flows import fill_snapshots as filling
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.models.fx import FxSnapshot
from provvypay.services.fx import reads, snapshots
from tests.support.database import acting_as
from tests.support.rates import refresh

pytestmark = pytest.mark.usefixtures("no_rates")

TOKENS = ["HBAR", "USDC", "USDT", "AUDD"]
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def kept(observer):
    """Return the snapshots of a link, by token."""

    def read(link, kind="CREATION"):
        rows = observer.sql("SELECT * FROM fx_snapshots WHERE link_id = :id AND kind = :kind", id=link.id, kind=kind)
        return {row.asset: row for row in rows}

    return read


@pytest.fixture
def history(observer):
    """Let a rate have been accepted."""

    def add(asset, currency, rate, as_of, *, fetched_at=None, source="COINGECKO", made_from=""):
        observer.sql(
            "INSERT INTO fx_rate_history (fetched_at, asset, currency, rate, source, as_of, made_from)"
            " VALUES (:fetched_at, :asset, :currency, :rate, :source, :as_of, :made_from)",
            fetched_at=fetched_at or as_of, asset=asset, currency=currency, rate=rate, as_of=as_of, source=source,
            made_from=made_from,
        )  # fmt: skip

    return add


def fill() -> int:
    with acting_as("worker"):
        return filling.fill_snapshots()


# ---------------------------------------------------------------- at the moment itself


def test_case_67_a_paused_token_s_rate_is_still_what_it_was(make, kept, sandbox):
    sandbox.post("/rates", depeg={"usd-coin": "0.9"})
    refresh()

    link = make.link(status=LinkStatus.PAID)

    assert [kept(link, kind)["USDC"].state for kind in ("CREATION", "SETTLEMENT")] == ["OK", "OK"]


def test_a_rate_whose_source_stopped_is_none(make, kept, sandbox):
    sandbox.post("/clock", offset_seconds=-7200)
    sandbox.post("/rates", frozen=True)
    sandbox.post("/clock", offset_seconds=0)
    sandbox.post("/mirror_node/exchange-rate", missing=True)
    refresh()

    assert {row.state for row in kept(make.link()).values()} == {"UNAVAILABLE"}


def test_a_cross_rate_keeps_what_it_was_made_from_on_creation_and_settlement(make, kept, sandbox):
    refresh()
    sandbox.fault(vendor="coingecko", kind="forbidden")
    refresh()

    link = make.link(status=LinkStatus.PAID)

    for kind in ("CREATION", "SETTLEMENT"):
        row = kept(link, kind)["HBAR"]
        assert (row.source, row.state) == ("CROSS", "OK")
        assert row.made_from.startswith("HBAR/USD (Hedera mirror node, ")
        assert "AUD/USD (CoinGecko by " in row.made_from
    with transaction(link.organization_id) as session:
        hbar = reads.of_link(session, link.organization_id, link.id)[0]
    assert hbar.creation_source == hbar.settlement_source == "Cross rate"
    assert hbar.creation_made_from == hbar.settlement_made_from == kept(link)["HBAR"].made_from
    assert hbar.creation_age.endswith(" old")


# ---------------------------------------------------------------- filled in later


def test_a_link_made_just_before_the_rates_came_back_is_filled_in(make, kept, sandbox):
    link = make.link()
    assert {row.state for row in kept(link).values()} == {"UNAVAILABLE"}
    refresh()

    assert fill() >= 4

    table = reading.current_rates()
    for asset, row in kept(link).items():
        rate = table.get(asset, "AUD")
        assert (row.state, row.rate, row.source, row.as_of, row.fetched_at, row.made_from) == (
            "OK", rate.value, "COINGECKO", rate.as_of, rate.fetched_at, "",
        )  # fmt: skip
    assert fill() == 0


@pytest.mark.parametrize(("minutes", "filled"), [(0, True), (-14.9, True), (14.9, True), (-15.1, False), (15.1, False)])
def test_a_rate_of_later_is_no_rate_of_then(minutes, filled, make, kept, history):
    link = make.link()
    made = kept(link)["HBAR"].created_at
    history("HBAR", "AUD", "0.28", made + minutes * MINUTE)

    fill()

    assert (kept(link)["HBAR"].state == "OK") is filled


def test_the_nearest_rate_fills_it_whichever_side_it_is_on(make, kept, history):
    link = make.link()
    made = kept(link)["HBAR"].created_at
    for minutes, rate in ((-9, "0.1"), (-3, "0.2"), (2, "0.3"), (8, "0.4")):
        history("HBAR", "AUD", rate, made + minutes * MINUTE)
    history("HBAR", "EUR", "9", made)
    history("USDC", "AUD", "9", made + 20 * MINUTE)

    fill()

    rows = kept(link)
    assert rows["HBAR"].rate == Decimal("0.3")
    assert {asset for asset, row in rows.items() if row.state == "OK"} == {"HBAR"}
    with transaction(link.organization_id) as session:
        assert reads.of_link(session, link.organization_id, link.id)[0].creation_age == "from 2 minutes later"


def test_a_filled_snapshot_carries_all_its_evidence(make, kept, history):
    link = make.link()
    made = kept(link)["HBAR"].created_at
    history("HBAR", "AUD", "0.2", made - MINUTE, fetched_at=made + MINUTE, source="CROSS", made_from="this and that")

    fill()

    row = kept(link)["HBAR"]
    assert (row.source, row.made_from, row.as_of, row.fetched_at) == (
        "CROSS", "this and that", made - MINUTE, made + MINUTE,
    )  # fmt: skip


def test_what_is_known_is_never_filled_again(make, kept, history):
    refresh()
    link = make.link()
    before = kept(link)
    history("HBAR", "AUD", "0.1", before["HBAR"].created_at)

    fill()

    assert kept(link) == before


def test_many_are_filled_in_batches_across_organizations(make, kept, monkeypatch, sandbox):
    other = make.organization(name="Another shop", currency="EUR")
    links = [make.link(), make.link(merchant=other), make.link(status=LinkStatus.PAID)]
    refresh()
    monkeypatch.setattr(filling, "AT_ONCE", 3)

    assert fill() >= 16

    for link in links:
        assert {row.state for row in kept(link).values()} == {"OK"}
    assert {row.state for row in kept(links[2], "SETTLEMENT").values()} == {"OK"}
    assert {row.currency for row in kept(links[1]).values()} == {"EUR"}


@pytest.mark.parametrize("role", ["web", "worker"])
def test_nobody_changes_a_snapshot_by_hand(role, make, kept):
    link = make.link()

    denied = pytest.raises(DBAPIError, match="permission denied")
    with acting_as(role), denied, transaction(link.organization_id) as session:
        session.execute(text("UPDATE fx_snapshots SET state = 'OK', rate = 1 WHERE asset = 'HBAR'"))


def test_only_the_worker_fills_in(make):
    with pytest.raises(DBAPIError, match="permission denied"), transaction() as session:
        snapshots.fill(session, most=1)


def test_a_cross_rate_without_its_parts_is_refused_by_postgresql(observer):
    with pytest.raises(DBAPIError, match="ck_fx_rates_made_from"):
        observer.sql(
            "INSERT INTO fx_rates (asset, currency, rate, source, as_of, fetched_at)"
            " VALUES ('HBAR', 'AUD', 1, 'CROSS', now(), now())"
        )


# ---------------------------------------------------------------- history


def test_history_is_kept_for_two_days(history, observer):
    for hours in (1, 47, 49, 500):
        history("HBAR", "AUD", "0.2", now() - dt.timedelta(hours=hours))

    with acting_as("worker"):
        assert filling.prune_history() == 2

    assert observer.sql("SELECT count(*) FROM fx_rate_history")[0][0] == 2


def test_a_link_is_made_and_settled_without_any_rate(make, rows):
    link = make.link(status=LinkStatus.PAID)

    assert rows(FxSnapshot) == (8,)
    assert link.status == LinkStatus.PAID
    assert len(RateTable()) == 0
