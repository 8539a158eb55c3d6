"""Settings of the sources of rates: what is assumed, and what is refused at the start."""

from __future__ import annotations

import pytest

from provvypay.kit.settings import SettingsError, load

LEAST = {
    "DATABASE_URL": "postgresql://web@127.0.0.1/provvypay",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SECRET_KEY": "x" * 32,
    "PUBLIC_BASE_URL": "https://pay.example",
}


@pytest.mark.parametrize(
    ("chosen", "base", "seconds"),
    [
        ({}, "https://api.coingecko.com/api/v3", 300),
        ({"COINGECKO_PLAN": "demo"}, "https://api.coingecko.com/api/v3", 300),
        ({"COINGECKO_PLAN": "pro"}, "https://pro-api.coingecko.com/api/v3", 60),
    ],
)
def test_plan_host_and_cadence_go_together(chosen, base, seconds):
    found = load(LEAST | chosen)

    assert (found.coingecko_api_base, found.rates_seconds) == (base, seconds)


@pytest.mark.parametrize(
    ("network", "url"),
    [("testnet", "https://testnet.mirrornode.hedera.com"), ("mainnet", "https://mainnet.mirrornode.hedera.com")],
)
def test_the_mirror_node_is_the_networks_own(network, url):
    assert load(LEAST | {"HEDERA_NETWORK": network}).hedera_mirror_node_url == url


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"COINGECKO_PLAN": "pro", "COINGECKO_API_BASE": "https://api.coingecko.com/api/v3"}, "COINGECKO_API_BASE"),
        ({"COINGECKO_API_BASE": "https://pro-api.coingecko.com/api/v3"}, "COINGECKO_API_BASE"),
        ({"COINGECKO_PLAN": "free"}, "COINGECKO_PLAN"),
        ({"HEDERA_MIRROR_NODE_URL": "https://mirror.example/"}, "HEDERA_MIRROR_NODE_URL: must not end with a slash"),
        ({"HEDERA_MIRROR_NODE_URL": "mirror.example"}, "HEDERA_MIRROR_NODE_URL"),
        ({"HEDERA_MIRROR_NODE_URL": "http://127.0.0.1:4010/mirror_node"}, "HEDERA_MIRROR_NODE_URL: points at this"),
        ({"HEDERA_MIRROR_NODE_URL": "http://localhost/mirror_node"}, "HEDERA_MIRROR_NODE_URL: points at this"),
        ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(wrong, says):
    with pytest.raises(SettingsError, match=says):
        load(LEAST | wrong)


def test_a_sandbox_may_be_meant():
    sandbox = {"HEDERA_MIRROR_NODE_URL": "http://127.0.0.1:4010/mirror_node"}

    assert load(LEAST | sandbox | {"PROVVYPAY_ALLOW_SANDBOX": "1"}).hedera_mirror_node_url.endswith("/mirror_node")
    assert load(LEAST | sandbox | {"PROVVYPAY_ENV": "development"}).environment == "development"


def test_what_a_paid_mirror_node_wants_is_sent_and_nonsense_is_named():
    wanted = load(LEAST | {"HEDERA_MIRROR_NODE_HEADERS": "x-api-key: a b:c ; X-Two:2"}).hedera_mirror_node_headers

    assert wanted == (("x-api-key", "a b:c"), ("X-Two", "2"))
    for nonsense in ("secret", "x-api-key:", "x api: 1", "x-api-key: 1;;2"):
        with pytest.raises(SettingsError, match="HEDERA_MIRROR_NODE_HEADERS"):
            load(LEAST | {"HEDERA_MIRROR_NODE_HEADERS": nonsense})
    for nonsense in ("USDC", "USDC=0.0.1", "USDC=hts:1", "USDC=native:HBAR"):
        with pytest.raises(SettingsError, match="HEDERA_ASSETS"):
            load(LEAST | {"HEDERA_ASSETS": nonsense})
