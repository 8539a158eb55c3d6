"""The mirror node's client over HTTP: the sandbox's ledger, and raw answers where no mirror node would give them."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from provvypay.domain import hedera_ids as ids
from provvypay.integrations.hedera_mirror import (
    Client,
    MirrorNodeMisunderstood,
    MirrorNodeRefused,
    MirrorNodeUnavailable,
)
from provvypay.integrations.mirror_transport import Transport
from provvypay.kit.budget import Budget
from provvypay.kit.http import HttpClient
from provvypay.kit.ids import uuid7

MERCHANT, SECOND, CUSTOMER, USDC, AUDD = "0.0.1001", "0.0.1002", "0.0.2001", "0.0.429274", "0.0.5000202"
DAY = 24 * 3600
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@pytest.fixture
def mirror(sandbox) -> Client:
    http = HttpClient(f"{sandbox.url}/mirror_node", retries=0, answer_seconds=5)
    return Client(Transport(http, Budget(uuid7().hex, 1000)))


@pytest.fixture
def send(sandbox):
    def transfer(**wish):
        return sandbox.post("/mirror_node/transfers", **{"to": MERCHANT, "amount": "1"} | wish)

    return transfer


def around(made, seconds=5):
    at = made["consensus_timestamp"]
    return ids.shifted(at, seconds=-seconds), ids.shifted(at, seconds=seconds)


# ---------------------------------------------------------------- transactions


def test_a_payment_arrives_with_all_that_a_watcher_needs(mirror, send):
    made = send(asset="USDC", amount="12.5", memo="PV-7K2M", staking_reward=5)

    (page,) = list(mirror.transactions(MERCHANT, *around(made)))
    (record,) = [one for one in page.records if one.consensus_timestamp == made["consensus_timestamp"]]

    assert (record.result, record.name, record.nonce, record.scheduled) == ("SUCCESS", "CRYPTOTRANSFER", 0, False)
    assert record.transaction_id == made["transaction_id"]
    assert (record.memo, record.payer, record.parent_consensus_timestamp) == (b"PV-7K2M", CUSTOMER, None)
    assert (
        sum(one.amount_units for one in record.token_transfers if (one.account, one.token_id) == (MERCHANT, USDC))
        == 12_500_000
    )
    assert (
        sum(one.amount_units for one in record.token_transfers)
        == sum(one.amount_units for one in record.transfers)
        == 0
    )
    assert [(one.account, one.amount_units) for one in record.staking_rewards] == [(MERCHANT, 5)]
    assert record.charged_fee_units > 0
    assert json.loads(record.raw)["memo_base64"] == record.memo_base64
    assert (page.since, page.until) == around(made)
    assert page.is_last


def test_the_same_record_is_found_by_its_id_and_by_its_moment(mirror, send):
    made = send(memo="by id")

    (by_id,) = mirror.transaction(made["transaction_id"])

    assert by_id == mirror.record_at(made["consensus_timestamp"])
    assert mirror.record_at(ids.shifted(made["consensus_timestamp"], nanos=-1)) is None


def test_one_id_may_have_several_records_and_none_yet(mirror, send):
    made = send(kind="duplicate")
    hidden = send(visible_after_seconds=3600)

    assert [one.result for one in mirror.transaction(made["transaction_id"])] == ["SUCCESS", "DUPLICATE_TRANSACTION"]
    assert mirror.transaction(hidden["transaction_id"]) == ()


def test_every_page_is_followed_to_the_end_although_it_is_full_or_empty(mirror, send):
    first = send(seconds_ago=170 * DAY, memo="far back")
    for _ in range(101):
        send(asset="HBAR", amount="0.00000001", seconds_ago=100 * DAY)
    last = send(memo="now")
    since, until = first["consensus_timestamp"], last["consensus_timestamp"]

    pages = list(mirror.transactions(MERCHANT, since, until))

    found = [one.consensus_timestamp for page in pages for one in page.records]
    assert found == sorted(set(found))
    assert len(found) >= 103
    assert (found[0], found[-1]) == (since, until)
    assert max(len(page.records) for page in pages) == 100
    windows = sorted({(page.since, page.until) for page in pages})
    assert len(windows) == 3
    assert all(ids.shifted(one[1], nanos=1) == other[0] for one, other in itertools.pairwise(windows))
    assert sum(page.is_last for page in pages) == 3


def test_an_empty_page_with_a_next_one_does_not_end_the_list(mirror, send, sandbox):
    made = send(seconds_ago=40 * DAY, memo="behind empty pages")
    sandbox.post("/mirror_node/settings", window_days=10)
    try:
        pages = list(mirror.transactions(MERCHANT, *around(made, 15 * DAY)))
    finally:
        sandbox.post("/mirror_node/settings", window_days=60)

    assert made["consensus_timestamp"] in [one.consensus_timestamp for page in pages for one in page.records]
    assert any(not page.records and not page.is_last for page in pages)


def test_a_sweep_sees_what_credit_only_leaves_out(mirror, send):
    made = send(payer=MERCHANT, to=CUSTOMER, amount="0.1")

    credited, everything = (
        [one.consensus_timestamp for page in pages for one in page.records]
        for pages in (
            mirror.transactions(MERCHANT, *around(made)),
            mirror.transactions(MERCHANT, *around(made), credit_only=False),
        )
    )

    assert made["consensus_timestamp"] not in credited
    assert made["consensus_timestamp"] in everything


def test_nothing_is_asked_about_a_span_that_ends_before_it_begins(mirror):
    assert list(mirror.transactions(MERCHANT, "1767300030.000000001", "1767300030.000000000")) == []


def test_the_mirrors_own_clock_follows_the_network_and_lags_with_it(mirror, sandbox):
    fresh = mirror.head().consensus_timestamp
    sandbox.post("/mirror_node/settings", lag_seconds=120)
    try:
        behind = mirror.head().consensus_timestamp
    finally:
        sandbox.post("/mirror_node/settings", lag_seconds=0)

    assert abs(ids.nanos_of(fresh) / 1e9 - time.time()) < 10
    assert behind <= ids.shifted(fresh, seconds=10)


# ---------------------------------------------------------------- accounts, tokens, contracts


def test_accounts_are_told_apart(mirror):
    second = mirror.account(SECOND)

    assert second is not None
    assert second.evm_address is not None
    assert mirror.account(second.evm_address) == second
    assert mirror.account(ids.long_zero(MERCHANT)) == mirror.account(MERCHANT)
    assert mirror.account(MERCHANT).evm_address is None
    assert mirror.account("0.0.999999999") is None
    assert mirror.account("0.0.1010").deleted
    assert mirror.account("0.0.1011").receiver_sig_required
    assert mirror.account("0.0.1013").max_automatic_token_associations == -1


def test_associations_say_what_stands_in_the_way(mirror):
    assert mirror.account_token("0.0.1012", USDC) is None
    assert mirror.account_token("0.0.999999999", USDC) is None
    assert mirror.account_token("0.0.1014", USDC).freeze_status == "FROZEN"
    assert mirror.account_token("0.0.1015", "0.0.5000101").kyc_status == "REVOKED"
    assert mirror.account_token(MERCHANT, USDC).decimals == 6
    assert [one.token_id for one in mirror.account_tokens("0.0.1016") if one.automatic] == [USDC]


def test_tokens_tell_their_decimals_and_fees(mirror):
    usdc, feex = mirror.token(USDC), mirror.token("0.0.5000707")

    assert (usdc.symbol, usdc.decimals, usdc.type, usdc.has_freeze_key) == ("USDC", 6, "FUNGIBLE_COMMON", True)
    assert (usdc.deleted, usdc.paused, usdc.fractional_fees) == (False, False, ())
    assert [(fee.numerator, fee.denominator, fee.net_of_transfers) for fee in feex.fractional_fees] == [(1, 100, False)]
    assert mirror.token(AUDD) is None, "a contract is no token"


def test_a_contract_says_what_it_is_where_it_may_be_asked(mirror, sandbox):
    found = mirror.contract(AUDD)
    sandbox.fault(vendor="mirror_node", kind="error", status=404, pattern="*/contracts/call")

    assert (found.contract_id, found.symbol, found.decimals, found.deleted) == (AUDD, "AUDD", 6, False)
    assert (mirror.contract(AUDD).symbol, mirror.contract(AUDD).decimals) == (None, None)
    assert mirror.contract(found.evm_address).contract_id == AUDD
    assert mirror.contract("0.0.999999999") is None


def test_an_erc_20_transfer_is_a_log_that_names_its_transaction(mirror, send):
    made = send(asset="AUDD", amount="2.5", memo="PV-AUDD", to=SECOND)
    second = mirror.account(SECOND)
    since, until = around(made, 20 * DAY)

    (log,) = [
        one
        for one in mirror.logs(
            AUDD, since=since, until=until, topic0=TRANSFER, topic2=[f"0x{second.evm_address[2:]:0>64}"]
        )
        if one.consensus_timestamp == made["consensus_timestamp"]
    ]

    assert int.from_bytes(log.data) == 2_500_000
    assert log.contract_id == AUDD
    assert mirror.record_at(log.consensus_timestamp).memo == b"PV-AUDD"


# ---------------------------------------------------------------- trouble


@pytest.mark.parametrize("options", [{"status": 429}, {"status": 429, "retry_after": 20}])
def test_a_limit_of_theirs_is_a_pause_for_everybody(mirror, sandbox, options):
    sandbox.fault(vendor="mirror_node", kind="rate_limit", remaining=1, **options)

    with pytest.raises(MirrorNodeUnavailable) as first:
        mirror.head()

    assert first.value.retry_after == options.get("retry_after", 1)
    if "retry_after" in options:
        with pytest.raises(MirrorNodeUnavailable, match="left alone") as second:
            mirror.head()
        assert second.value.retry_after in {19, 20}
    else:
        mirror.head()


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failure_of_theirs_is_for_later(mirror, sandbox, status):
    sandbox.fault(vendor="mirror_node", kind="error", status=status, remaining=1)

    with pytest.raises(MirrorNodeUnavailable):
        mirror.token(USDC)

    assert mirror.token(USDC) is not None


def test_a_wrong_question_is_not_for_later(mirror):
    with pytest.raises(MirrorNodeRefused, match="400"):
        mirror.account("nonsense")


class Answers:
    """A server that gives each path the next of its answers."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.asked: list[str] = []
        self.headers: list[str | None] = []


@pytest.fixture
def raw() -> Iterator[Answers]:
    place = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place.asked.append(self.path)
            place.headers.append(self.headers.get("x-api-key"))
            body = (place.bodies.pop(0) if place.bodies else "{}").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    place.url = f"http://127.0.0.1:{server.server_port}"
    yield place
    server.shutdown()
    server.server_close()


@pytest.fixture
def odd(raw) -> Client:
    return Client(Transport(HttpClient(f"{raw.url}/paid", {"x-api-key": "secret"}, retries=0)))


def page(link):
    return json.dumps({"transactions": [], "links": {"next": link}})


def test_the_next_page_is_asked_of_the_same_host_word_for_word(odd, raw):
    link = "/api/v1/transactions?account.id=0.0.1001&timestamp=gt:1767300010.123456789&x=%3A%20"
    raw.bodies = [page(link), page(None)]

    list(odd.transactions(MERCHANT, "1767300000", "1767300100"))

    assert raw.asked[1] == f"/paid{link}"
    assert raw.headers == ["secret", "secret"]
    sent = httpx.URL(f"http://x{raw.asked[0]}").params
    assert sent.get_list("timestamp") == ["gte:1767300000.000000000", "lte:1767300100.000000000"]
    assert (sent["type"], sent["result"], sent["order"], sent["limit"]) == ("credit", "success", "asc", "100")


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/api/v1/transactions?a=b", "//evil.example/api/v1/transactions?a=b",
        "/api/v1/accounts?a=b", "/api/v1/transactions", "@evil.example/api/v1/transactions?a=b",
        "\\\\evil.example/api/v1/transactions?a=b", "/api/v1/transactions?a=b#c", "", 7,
    ],
)  # fmt: skip
def test_a_next_page_elsewhere_is_never_followed(odd, raw, link):
    raw.bodies = [page(link)]

    with pytest.raises(MirrorNodeMisunderstood):
        list(odd.transactions(MERCHANT, "1767300000", "1767300100"))

    assert len(raw.asked) == 1


def test_pages_in_circles_end(odd, raw):
    raw.bodies = [page("/api/v1/transactions?a=1"), page("/api/v1/transactions?a=2"), page("/api/v1/transactions?a=1")]

    with pytest.raises(MirrorNodeMisunderstood, match="circles"):
        list(odd.transactions(MERCHANT, "1767300000", "1767300100"))


RECORD = {
    "consensus_timestamp": "1767300030.000000001", "transaction_id": "0.0.2-1767300020-000000001", "nonce": 0,
    "scheduled": False, "name": "CRYPTOTRANSFER", "result": "SUCCESS", "charged_tx_fee": 7, "transaction_hash": "aa",
    "memo_base64": None, "parent_consensus_timestamp": None, "entity_id": None, "transfers": [], "token_transfers": [],
    "news_of_their_next_release": {"a": 1},
}  # fmt: skip


def test_amounts_stay_exact_and_unknown_names_are_passed_over(odd, raw):
    big = 5 * 10**18 + 1
    line = {"account": MERCHANT, "amount": big, "token_id": USDC, "is_approval": False}
    raw.bodies = [json.dumps({"transactions": [RECORD | {"token_transfers": [line], "memo_base64": "!!"}]})]

    (record,) = odd.transaction("0.0.2-1767300020-000000001")

    assert record.token_transfers[0].amount_units == big
    assert record.memo == b"", "what is not base64 is no memo"


@pytest.mark.parametrize(
    "change",
    [
        {"consensus_timestamp": 1767300030.5}, {"transaction_id": "nonsense"}, {"nonce": "0"}, {"scheduled": None},
        {"result": None}, {"transfers": [{"account": MERCHANT, "amount": 1.5}]}, {"transfers": "none"},
        {"transfers": [{"account": "0.0.x", "amount": 1}]}, {"token_transfers": [{"account": MERCHANT, "amount": 1}]},
    ],
)  # fmt: skip
def test_a_record_that_does_not_fit_is_an_alarm_and_no_guess(odd, raw, change):
    raw.bodies = [json.dumps({"transactions": [RECORD | change]})]

    with pytest.raises(MirrorNodeMisunderstood):
        odd.transaction("0.0.2-1767300020-000000001")
