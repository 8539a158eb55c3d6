"""The CoinGecko stand-in's answers, held against CoinGecko's own OpenAPI."""

import pytest

IDS = "hedera-hashgraph,usd-coin,tether,novatti-australian-digital-dollar"


@pytest.fixture(scope="module")
def ask(sandbox, http):
    def get(path, **params):
        return http.get(f"{sandbox.url}/coingecko/api/v3{path}", params=params).json()

    return get


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/ping", {}),
        ("/simple/price", {"ids": IDS, "vs_currencies": "usd,aud,eur", "include_last_updated_at": "true"}),
        ("/simple/price", {"ids": IDS, "vs_currencies": "usd", "precision": "full"}),
        (
            "/simple/price",
            {
                "ids": IDS,
                "vs_currencies": "usd",
                "include_market_cap": "true",
                "include_24hr_vol": "true",
                "include_24hr_change": "true",
            },
        ),
        ("/simple/price", {"ids": "no-such-coin", "vs_currencies": "usd"}),
        ("/simple/supported_vs_currencies", {}),
        ("/coins/list", {}),
        ("/coins/list", {"include_platform": "true"}),
        ("/exchange_rates", {}),
    ],
)
def test_every_answer_fits(ask, gecko_contract, path, params):
    assert gecko_contract.of_answer(ask(path, **params), path) == []


def test_the_contract_notices_what_does_not_fit(ask, gecko_contract):
    rates = ask("/exchange_rates")
    rates["rates"]["usd"]["value"] = "1"

    assert gecko_contract.of_answer(rates, "/exchange_rates")
    assert gecko_contract.of_answer({"tether": {"usd": "1"}}, "/simple/price")


def test_the_units_are_those_of_the_contracts_example(ask, gecko_contract):
    content = gecko_contract.document["paths"]["/exchange_rates"]["get"]["responses"]["200"]["content"]
    example = content["application/json"]["example"]["rates"]

    found = ask("/exchange_rates")["rates"]

    assert set(found) == set(example)
    for code, unit in example.items():
        assert {key: found[code][key] for key in ("name", "unit", "type")} == {
            key: unit[key] for key in ("name", "unit", "type")
        }


def test_every_parameter_of_simple_price_is_known(gecko_contract):
    known = {parameter["name"] for parameter in gecko_contract.document["paths"]["/simple/price"]["get"]["parameters"]}

    assert known >= {"ids", "vs_currencies", "include_last_updated_at", "precision"}
