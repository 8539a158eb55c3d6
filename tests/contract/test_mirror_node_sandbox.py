"""The mirror node stand-in's answers, held against the mirror node's own OpenAPI."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from provvypay.sandbox.mirror_node.kinds import KINDS
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


@pytest.fixture(scope="module")
def every_record(sandbox, http):
    """Records of every kind the sandbox can make, as lists show them and as /transactions/{id} does."""

    def send(**wish):
        wanted = {"to": "0.0.1001", "amount": "1", "memo": "PV-7K2M", **wish}
        answer = http.post(f"{sandbox.url}/_control/mirror_node/transfers", json=wanted)
        assert answer.status_code == 201, answer.text
        return answer.json()["transaction_id"]

    assets = {"airdrop": "USDC", "nft": "NFT", "mint": "USDC", "doubled": "USDC"}
    names = [send(kind=kind, asset=assets.get(kind, "HBAR")) for kind in KINDS]
    names += [send(asset=name) for name in ("USDC", "AUDD", "FEE-TOKEN")]
    names += [send(staking_reward=5), send(asset="USDC", synthetic_log=True), send(kind="failed", with_transfers=True)]
    base = f"{sandbox.url}/mirror_node/api/v1"
    return http.get(f"{base}/transactions?limit=100").json(), [
        http.get(f"{base}/transactions/{name}").json() for name in names
    ]


def test_records_fit_and_lack_nothing(every_record, problems, document):
    listed, one_by_one = every_record
    schemas = document["components"]["schemas"]

    assert problems(listed, "TransactionsResponse") == []
    assert len({record["name"] for record in listed["transactions"]}) >= 8
    for body in one_by_one:
        assert problems(body, "TransactionByIdResponse") == []
        for record in body["transactions"]:
            assert set(record) == {*schemas["Transaction"]["properties"], "assessed_custom_fees"}
            assert isinstance(record["max_fee"], str)
            assert isinstance(record["valid_duration_seconds"], str)
    assert {frozenset(record) for record in listed["transactions"]} == {frozenset(schemas["Transaction"]["properties"])}


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/accounts/0.0.1001", "AccountBalanceTransactions"),
        ("/accounts/0.0.1002?transactions=false", "AccountBalanceTransactions"),
        ("/accounts/0.0.1010", "AccountBalanceTransactions"),
        ("/accounts/0.0.1014/tokens", "TokenRelationshipResponse"),
        ("/accounts/0.0.1012/tokens", "TokenRelationshipResponse"),
        ("/tokens/0.0.429274", "TokenInfo"),
        ("/tokens/0.0.5000707", "TokenInfo"),
        ("/tokens/0.0.5000808", "TokenInfo"),
        ("/contracts/0.0.8317070", "ContractResponse"),
        ("/contracts/0.0.5000202/results/logs?timestamp=gte:{recently}", "ContractLogsResponse"),
        ("/contracts/0.0.429274/results/logs?timestamp=gte:{recently}", "ContractLogsResponse"),
        ("/blocks?limit=2", "BlocksResponse"),
        ("/accounts/0.0.7777", "Error"),
        ("/transactions?foo=1", "Error"),
        ("/transactions/0.0.2001@1.1", "Error"),
    ],
)
def test_entities_logs_and_blocks_fit(path, schema, every_record, problems, sandbox, http):
    path = path.replace("{recently}", str(int(time.time()) - 600))
    answer = http.get(f"{sandbox.url}/mirror_node/api/v1{path}")

    assert problems(answer.json(), schema) == []
    assert answer.status_code == 200 or schema == "Error"
    assert "logs" not in schema.lower() or answer.json()["logs"] or answer.json()["links"]["next"]


def test_objects_lack_no_field(sandbox, http, document):
    schemas = document["components"]["schemas"]

    def named(name):
        found = schemas[name]
        return {
            key
            for part in found.get("allOf", [found])
            for key in (part.get("properties") or named(part["$ref"].split("/")[-1]))
        }

    def keys(path):
        return set(http.get(f"{sandbox.url}/mirror_node/api/v1{path}").json())

    assert keys("/accounts/0.0.1001") == named("AccountBalanceTransactions")
    assert keys("/tokens/0.0.429274") == named("TokenInfo")
    assert keys("/contracts/0.0.8317070") == named("ContractResponse")
    tokens = http.get(f"{sandbox.url}/mirror_node/api/v1/accounts/0.0.1001/tokens").json()["tokens"]
    assert set(tokens[0]) == named("TokenRelationship")
    blocks = http.get(f"{sandbox.url}/mirror_node/api/v1/blocks").json()["blocks"]
    assert set(blocks[0]) == named("Block")
