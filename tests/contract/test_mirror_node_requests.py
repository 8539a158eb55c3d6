"""What we ask a mirror node, held against its own OpenAPI: only paths and parameters that stand there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from provvypay.integrations import hedera_rate
from provvypay.integrations.hedera_mirror import Client, MirrorNodeMisunderstood, MirrorNodeUnavailable
from provvypay.integrations.mirror_transport import Transport
from provvypay.kit.http import HttpClient
from tests.contract.conftest import SPECS

LATER, NOW = "1767300000.000000000", "1767400000.000000000"
CALLS = {
    "account": lambda client: client.account("0.0.1001"),
    "account_token": lambda client: client.account_token("0.0.1001", "0.0.429274"),
    "account_tokens": lambda client: client.account_tokens("0.0.1001"),
    "token": lambda client: client.token("0.0.429274"),
    "contract": lambda client: client.contract("0.0.8317070"),
    "transactions": lambda client: list(client.transactions("0.0.1001", LATER, NOW)),
    "sweep": lambda client: list(client.transactions("0.0.1001", LATER, NOW, credit_only=False)),
    "transaction": lambda client: client.transaction("0.0.2002-1767300030-500000000"),
    "record_at": lambda client: client.record_at(LATER),
    "logs": lambda client: list(
        client.logs("0.0.8317070", since=LATER, until=NOW, topic0="0x" + "d" * 64, topic2=["0x" + "0" * 64])
    ),
    "head": lambda client: client.head(),
    "rate": lambda client: hedera_rate.Client(client.transport).exchange_rate(),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    place = SPECS / "mirror-node" / "openapi.yml"
    if not place.exists():
        pytest.skip(f"The vendors' contracts are not here: {place} (set PROVVYPAY_SPECS to their folder)")
    return dict(yaml.safe_load(place.read_text(encoding="utf-8")))


@pytest.fixture
def asked() -> Iterator[list[tuple[str, str]]]:
    """Every request of a client whose mirror node knows one contract and nothing else."""
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.command.lower(), self.path))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_contract = re.search(r"/contracts/0\.0\.\d+$", self.path)
            body = b'{"contract_id": "0.0.8317070", "evm_address": "0x' + b"1" * 40 + b'"}' if is_contract else b"{}"
            self.send_response(200 if is_contract else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    seen.append(("base", f"http://127.0.0.1:{server.server_port}"))
    yield seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", list(CALLS))
def test_we_ask_only_for_what_the_contract_names(name, asked, document):
    client = Client(Transport(HttpClient(asked.pop()[1], retries=0)))

    # It knows nothing: what was asked is what counts.
    with contextlib.suppress(MirrorNodeMisunderstood, MirrorNodeUnavailable):
        CALLS[name](client)

    assert asked
    for method, address in asked:
        where = urlsplit(address)
        described = _operation(document, where.path, method)
        named = {_resolved(document, one)["name"] for one in described.get("parameters", [])}
        unknown = {key for key, _ in parse_qsl(where.query)} - named
        assert not unknown, f"{method} {address}"


def _operation(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    for template, operations in sorted(document["paths"].items(), key=lambda one: one[0].count("{")):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method in operations:
            return dict(operations[method])
    raise AssertionError(f"{method} {path} does not stand in the contract")


def _resolved(document: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in one:
        return one
    found: Any = document
    for part in one["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
