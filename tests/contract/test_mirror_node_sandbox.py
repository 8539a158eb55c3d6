"""The mirror node stand-in's answers, held against the mirror node's own OpenAPI."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.contract.conftest import SPECS

PATH = "/api/v1/network/exchangerate"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    place = SPECS / "mirror-node" / "openapi.yml"
    if not place.exists():
        pytest.skip(f"The vendors' contracts are not here: {place} (set PROVVYPAY_SPECS to their folder)")
    return dict(yaml.safe_load(place.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def problems(document):
    registry = Registry().with_resource("urn:contract", Resource(contents=document, specification=DRAFT202012))

    def find(value: Any, name: str) -> list[str]:
        validator = OAS31Validator({"$ref": f"urn:contract#/components/schemas/{name}"}, registry=registry)
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]

    return find


@pytest.fixture
def ask(sandbox, http):
    yield lambda **params: http.get(f"{sandbox.url}/mirror_node{PATH}", params=params)
    http.delete(f"{sandbox.url}/_control/mirror_node/exchange-rate").raise_for_status()


@pytest.mark.parametrize(
    "switches",
    [{}, {"usd_per_hbar": "0.0713"}, {"next_usd_per_hbar": "699"}, {"expired": "current"}, {"expired": "both"}],
)
def test_every_answer_fits_and_lacks_nothing(switches, ask, control, problems, document):
    control("mirror_node/exchange-rate", switches)

    body = ask().json()

    schemas = document["components"]["schemas"]
    assert problems(body, "NetworkExchangeRateSetResponse") == []
    assert set(body) == set(schemas["NetworkExchangeRateSetResponse"]["properties"])
    assert set(body["current_rate"]) == set(body["next_rate"]) == set(schemas["ExchangeRate"]["properties"])
    # `format` alone is not judged by the validator
    assert all(0 < body[which][name] < 2**31 for which in ("current_rate", "next_rate") for name in body[which])


def test_errors_fit_too(ask, control, problems):
    control("mirror_node/exchange-rate", {"missing": True})
    answers = [ask(), ask(timestamp="1586567700")]

    assert [answer.status_code for answer in answers] == [404, 400]
    for answer in answers:
        assert problems(answer.json(), "Error") == []
        assert answer.json()["_status"]["messages"][0]["message"]


def test_the_contract_notices_what_does_not_fit(ask, problems):
    body = ask().json()
    body["current_rate"]["cent_equivalent"] = "1"
    body["timestamp"] = "yesterday"

    assert len(problems(body, "NetworkExchangeRateSetResponse")) == 2


def test_the_path_and_its_statuses_are_the_contracts(document):
    described = document["paths"][PATH]["get"]

    assert {str(status) for status in described["responses"]} == {"200", "400", "404", "500"}
    assert described["responses"][200]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NetworkExchangeRateSetResponse"
    }
