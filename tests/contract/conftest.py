"""The vendors' own machine-readable contracts, and a sandbox to hold against them.

The contracts are data beside the repository, not in it: PROVVYPAY_SPECS names their folder, ../shared/specs is the
default; where they are missing, the tests say so and are skipped.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from provvypay.sandbox.server import Running, running

ROOT = Path(__file__).parents[2]
SPECS = Path(os.environ.get("PROVVYPAY_SPECS") or ROOT.parent / "shared" / "specs")
stripe.enable_telemetry = False


class Contract:
    """An OpenAPI document that can be asked whether an answer fits it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource = Resource(contents=document, specification=DRAFT4)
        self.registry = Registry().with_resource("urn:contract", resource)

    def problems(self, value: Any, pointer: str) -> list[str]:
        """Return what does not fit the schema at a JSON pointer."""
        validator = OAS30Validator({"$ref": f"urn:contract#{pointer}"}, registry=self.registry)
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]

    def of_schema(self, value: Any, name: str) -> list[str]:
        return self.problems(value, f"/components/schemas/{name}")

    def of_answer(self, value: Any, path: str, method: str = "get") -> list[str]:
        where = path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
        return self.problems(value, f"/paths/{where}/{method}/responses/200/content/application~1json/schema")


def _read(*parts: str) -> Any:
    place = SPECS.joinpath(*parts)
    if not place.exists():
        pytest.skip(f"The vendors' contracts are not here: {place} (set PROVVYPAY_SPECS to their folder)")
    return json.loads(place.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def stripe_contract() -> Contract:
    return Contract(_read("stripe", "derived.2026-10-28.endive.json"))


@pytest.fixture(scope="session")
def stripe_examples() -> dict[str, Any]:
    return dict(_read("stripe", "examples.json"))


@pytest.fixture(scope="session")
def gecko_contract() -> Contract:
    return Contract(_read("coingecko", "demo-api.trimmed.json"))


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def sandbox(http: httpx.Client) -> Iterator[Running]:
    with running() as place:
        http.post(f"{place.url}/_control/stripe/settings", json={"fee_delay_seconds": 0}).raise_for_status()
        yield place


@pytest.fixture(scope="module")
def get(sandbox: Running, http: httpx.Client) -> Callable[..., Any]:
    """GET from the Stripe stand-in and return the JSON, whatever the status."""

    def ask(path: str, **params: Any) -> Any:
        headers = {"Authorization": "Bearer sk_test_contract"}
        return http.get(f"{sandbox.url}/stripe{path}", params=params, headers=headers).json()

    return ask


@pytest.fixture(scope="module")
def post(sandbox: Running, http: httpx.Client) -> Callable[..., httpx.Response]:
    """POST a form to the Stripe stand-in."""

    def send(path: str, form: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        allowed = {"Authorization": "Bearer sk_test_contract", **headers}
        return http.post(f"{sandbox.url}/stripe{path}", data=form or {}, headers=allowed)

    return send


@pytest.fixture(scope="module")
def control(sandbox: Running, http: httpx.Client) -> Callable[..., Any]:
    def call(path: str, body: dict[str, Any] | None = None) -> Any:
        return http.post(f"{sandbox.url}/_control/{path}", json=body or {}).json()

    return call
