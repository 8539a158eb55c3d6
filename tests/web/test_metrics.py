"""/metrics: figures for a scraper, and nothing at all for everybody else (CFG-02)."""

from __future__ import annotations

import dataclasses

import pytest
from prometheus_client.parser import text_string_to_metric_families

from provvypay.flows.current_rates import current_rates
from provvypay.kit import counters
from provvypay.kit import settings as kit_settings
from tests.support.rates import forget_cached, refresh

TOKEN = "a-token-of-the-tests-0123456789"


@pytest.fixture
def with_token(settings, monkeypatch):
    monkeypatch.setattr(kit_settings, "_current", dataclasses.replace(settings, metrics_token=TOKEN))


@pytest.fixture
def local(new_client):
    """A program of this very machine."""
    client = new_client()
    client.ip = "127.0.0.1"
    return client


def scrape(client, **headers) -> dict[tuple[str, tuple[str, ...]], float]:
    page = client.open("GET", "/metrics", headers=headers)
    assert page.status == 200, page.source
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.source)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    "sent",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": f"bearer {TOKEN}"},
     {"Authorization": f"Basic {TOKEN}"}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": "Bearer é"}],
    ids=lambda one: one.get("Authorization", "nothing")[:12],
)  # fmt: skip
def test_cfg_02_without_the_token_there_is_nothing_here(sent, with_token, client, local):
    for visitor in (client, local):
        page = visitor.open("GET", "/metrics", headers=sent)
        assert page.status == 404
        assert "provvypay_" not in page.source


def test_the_token_opens_them_from_anywhere(with_token, client):
    page = client.open("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/plain; version=")
    assert page.headers["Cache-Control"] == "no-store"


def test_without_a_token_a_program_of_this_machine_may_read_them_outside_production(app, local, client):
    assert scrape(local)
    assert client.open("GET", "/metrics").status == 404


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_of_this_machine_speaks_for_the_whole_world(header, local):
    assert local.open("GET", "/metrics", headers={header: "203.0.113.9"}).status == 404


def test_cfg_02_production_without_a_token_answers_nobody(local, settings, monkeypatch):
    monkeypatch.setattr(kit_settings, "_current", dataclasses.replace(settings, environment="production"))

    assert local.open("GET", "/metrics").status == 404


@pytest.mark.usefixtures("no_rates")
def test_hits_and_misses_are_counted_for_all_processes(local):
    refresh()
    counters.hand_over()
    before = counters.totals()
    forget_cached()
    for _ in range(20):
        current_rates()

    found = scrape(local)

    was = {kind: before.get(("rates.cache", kind), 0) for kind in ("hit", "miss")}
    assert found["provvypay_rates_cache_total", ("miss",)] - was["miss"] == 1
    assert found["provvypay_rates_cache_total", ("hit",)] - was["hit"] == 19


@pytest.mark.usefixtures("no_rates")
def test_rates_and_queues_are_told_as_they_are(local, sandbox):
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.18"}}, depeg={"tether": "0.9"})
    sandbox.post("/mirror_node/exchange-rate", usd_per_hbar="0.15")
    refresh()
    sandbox.post("/rates", prices={"hedera-hashgraph": {"usd": "0.36"}})
    sandbox.fault(vendor="mirror_node", kind="error", status=503)
    refresh()

    found = scrape(local)

    assert 0 <= found["provvypay_rate_age_seconds", ("USDC",)] < 30
    assert {asset: found["provvypay_rate_paused", (asset,)] for asset in ("HBAR", "USDC", "USDT", "AUDD")} == {
        "HBAR": 1, "USDC": 0, "USDT": 1, "AUDD": 0,
    }  # fmt: skip
    assert found["provvypay_rates_held", ()] == 21
    assert found["provvypay_rate_sources_apart", ()] == pytest.approx(1.4)
    assert found["provvypay_rate_source_failures", ("MIRROR_NODE",)] == 1
    assert found["provvypay_rate_source_failures", ("COINGECKO",)] == 0
    assert {name for name, _ in found} >= {"provvypay_queue_waiting", "provvypay_queue_oldest_seconds"}


def test_every_metric_is_described(local, no_rates):
    from tests.house import documents

    refresh()
    current_rates()
    described = {
        row[0] for row in documents.table(documents.section(documents.read("reference/processes.md"), "Metrics"))
    }

    assert {name for name, _ in scrape(local)} == described
