"""The mirror node's lists: parameters, pages, sixty-day windows, lag, late records, logs, blocks, faults."""

import base64
import time

import pytest

from tests.sandbox.ledger import AUDD, CUSTOMER, EVM_CUSTOMER, MERCHANT, SECOND, TRANSFER, USDC, long_zero

DAY = 86_400


@pytest.fixture
def stamps(send):
    """Five payments to the merchant, ten seconds apart, oldest first; their consensus timestamps."""
    begin = int(time.time()) - 100
    return [
        send(consensus_timestamp=f"{begin + 10 * place}.{place:09d}", asset=asset)["consensus_timestamp"]
        for place, asset in enumerate(("HBAR", "USDC", "HBAR", "USDT", "HBAR"))
    ]


@pytest.fixture
def found(ask):
    def read(path="/transactions", **params):
        return [record["consensus_timestamp"] for record in ask(path, **params)["transactions"]]

    return read


def test_lists_filter_order_and_cut(stamps, found, send):
    send(to=SECOND)
    a, b, c, d, e = stamps

    def mine(**params):
        return found(**{"account.id": MERCHANT, **params})

    assert mine() == [e, d, c, b, a]
    assert mine(order="asc", timestamp=[f"gte:{a}"], limit="2") == [a, b]
    assert mine(timestamp=[f"gt:{b}", f"lte:{d}"]) == [d, c]
    assert mine(timestamp=c) == mine(timestamp=f"eq:{c}") == [c]
    assert mine(timestamp=[f"ne:{c}", f"gte:{b}"]) == [e, d, b]
    assert mine(timestamp=[f"gte:{d}", f"lte:{b}"]) == []
    assert mine(timestamp=f"gte:{int(float(e))}") == [e]
    assert mine(result="fail") == mine(transactiontype="cryptocreateaccount") == []
    assert len(mine(transactiontype=["CryptoTransfer", "TOKENMINT"])) == 5
    assert (len(mine(type="debit")), len(mine(type="credit"))) == (0, 5)
    assert found(**{"account.id": CUSTOMER, "type": "debit"})[1:] == [e, d, c, b, a]
    for same in ("1001", f"0x{1001:040x}", ["0.0.1001", "0.0.7777"], ["gte:0.0.1001", "lt:0.0.1002"]):
        assert mine(**{"account.id": same}) == [e, d, c, b, a]


def test_pages_are_followed_to_null(stamps, ask, sandbox, http):
    query = f"account.id={MERCHANT}&timestamp=gte:{stamps[0]}&limit=2&order=asc&timestamp=lte:{stamps[-1]}"
    path, seen = f"/api/v1/transactions?{query}", []
    while path:
        answer = http.get(f"{sandbox.url}/mirror_node{path}")
        body = answer.json()
        seen += [record["consensus_timestamp"] for record in body["transactions"]]
        path = body["links"]["next"]
        assert path is None or answer.headers["link"] == f'<{path}>; rel="next"'

    assert seen == stamps
    first = ask(f"/transactions?{query}")["links"]["next"]
    kept = f"account.id={MERCHANT}&timestamp=lte:{stamps[-1]}&limit=2&order=asc"
    assert first == f"/api/v1/transactions?{kept}&timestamp=gt:{stamps[1]}"
    # exactly full: there is a next page, and it is empty
    full = ask("/transactions", **{"account.id": MERCHANT, "limit": "5", "timestamp": f"gte:{stamps[0]}"})["links"][
        "next"
    ]
    assert ask(full.removeprefix("/api/v1")) == {"transactions": [], "links": {"next": None}}


def test_an_empty_page_can_have_a_next_one(send, ask, control):
    now = int(time.time())
    old = send(consensus_timestamp=f"{now - 100 * DAY}.5")["consensus_timestamp"]
    query = f"account.id={MERCHANT}&timestamp=gte:{now - 170 * DAY}&order=asc"

    pages, path = [], f"/transactions?{query}"
    while path:
        body = ask(path)
        pages.append([record["consensus_timestamp"] for record in body["transactions"]])
        path = (body["links"]["next"] or "").removeprefix("/api/v1")

    assert pages == [[], [old], []]
    # the newest first begins at the other end; without a bound the oldest first begins in 2019
    assert ask("/transactions", **{"account.id": MERCHANT})["transactions"] == []
    assert ask("/transactions", **{"account.id": MERCHANT, "order": "asc"})["links"]["next"]
    assert ask("/transactions", **{"account.id": MERCHANT, "timestamp": old})["links"]["next"] is None
    control("mirror_node/settings", {"window_days": 0})
    assert len(ask(f"/transactions?{query}")["transactions"]) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("foo=1", "Unknown query parameter: foo"),
        ("limit=0", "Invalid parameter: limit"),
        ("limit=-1", "Invalid parameter: limit"),
        ("limit=ten", "Invalid parameter: limit"),
        ("order=up", "Invalid parameter: order"),
        ("timestamp=1767300030.1234567891", "Invalid parameter: timestamp"),
        ("timestamp=after:1", "Invalid parameter: timestamp"),
        ("timestamp=12345678901", "Invalid parameter: timestamp"),
        ("account.id=0.0.1001-abcde", "Invalid parameter: account.id"),
        ("account.id=me", "Invalid parameter: account.id"),
        ("type=both", "Invalid parameter: type"),
        ("result=maybe", "Invalid parameter: result"),
        ("transactiontype=PAYMENT", "Invalid parameter: transactiontype"),
    ],
)
def test_what_it_does_not_understand_is_refused(query, message, ask):
    assert ask(f"/transactions?{query}", status=400) == {"_status": {"messages": [{"message": message}]}}


def test_limits_aliases_and_paths(ask, control, send):
    control("mirror_node/fill", {"accounts": [MERCHANT], "records": 150, "over_seconds": 1000})
    assert len(ask("/transactions", **{"account.id": MERCHANT, "limit": "5000"})["transactions"]) == 100
    assert len(ask("/transactions", **{"account.id": MERCHANT})["transactions"]) == 25

    alias = ask(f"/accounts/{EVM_CUSTOMER}", transactions="false")
    send(payer=EVM_CUSTOMER)
    assert ask("/transactions", **{"account.id": alias["evm_address"]})["transactions"] == []
    assert ask("/transactions", **{"account.id": EVM_CUSTOMER})["transactions"]
    for name in (alias["evm_address"], alias["alias"], "2002", f"0x{2002:040x}"):
        assert ask(f"/accounts/{name}", transactions="false")["account"] == EVM_CUSTOMER
    for path in ("/transactions/0.0.2001@1767300030.5", "/transactions/hello", "/accounts/0.0.1001-abcde", "/tokens/x"):
        ask(path, status=400)
    for path in ("/transactions/0.0.2001-1767300030-5", "/accounts/0.0.7777", "/accounts/0.0.7777/tokens",
                 f"/tokens/{AUDD}", "/contracts/0.0.1", "/nothing"):  # fmt: skip
        assert ask(path, status=404)["_status"]["messages"][0]["message"] == "Not found"
    busy = ask(f"/accounts/{MERCHANT}")
    assert (len(busy["transactions"]), busy["links"]["next"].split("?")[0]) == (25, f"/api/v1/accounts/{MERCHANT}")


def test_by_hash_and_for_how_long_an_answer_may_be_kept(send, ask, sandbox, http):
    sent = send(kind="ethereum")
    digest = sent["records"][0]["transaction_hash"]
    plain = send()["records"][0]
    assert ask(f"/transactions/0x{base64.b64decode(digest).hex()}")["transactions"][0]["name"] == "ETHEREUMTRANSACTION"
    for name in (
        base64.b64decode(plain["transaction_hash"]).hex(),
        plain["transaction_hash"].replace("/", "_").replace("+", "-"),
    ):
        assert ask(f"/transactions/{name}")["transactions"][0]["transaction_id"] == plain["transaction_id"]
    waiting = send(kind="scheduled", execute_after_seconds=60)["transaction_id"]
    ages = [
        http.get(f"{sandbox.url}/mirror_node/api/v1/transactions/{name}").headers["cache-control"]
        for name in (plain["transaction_id"], waiting)
    ]
    assert ages == ["public, max-age=600", "public, max-age=5"]
    assert len(ask(f"/transactions/{waiting}")["transactions"]) == 1


def test_lag_hides_what_is_new_and_the_head_stands_still(send, ask, found, control):
    before = send()["consensus_timestamp"]
    control("mirror_node/settings", {"lag_seconds": 60})
    head = ask("/blocks?limit=1")["blocks"][0]["timestamp"]["to"]

    hidden = send()
    assert found(**{"account.id": MERCHANT}) == [before]
    ask(f"/transactions/{hidden['transaction_id']}", status=404)
    control("clock", {"advance_seconds": 30})
    assert float(ask("/blocks?limit=1")["blocks"][0]["timestamp"]["to"]) - float(head) <= 4
    assert float(found(limit="1")[0]) <= float(before) + 4

    control("clock", {"advance_seconds": 40})
    assert found(**{"account.id": MERCHANT}) == [hidden["consensus_timestamp"], before]
    control("mirror_node/settings", {"stalled": True})
    control("clock", {"advance_seconds": 3600})
    send()
    assert len(found(**{"account.id": MERCHANT})) == 2
    control("mirror_node/settings", {"stalled": False, "lag_seconds": 0})
    assert len(found(**{"account.id": MERCHANT})) == 3


def test_records_come_late_and_ahead_of_time(send, found, control, truth):
    now = send()["consensus_timestamp"]
    late = send(seconds_ago=300, visible_after_seconds=60)["consensus_timestamp"]
    inserted = send(seconds_ago=600)["consensus_timestamp"]
    to_come = send(seconds_ago=-90)["consensus_timestamp"]

    assert found(**{"account.id": MERCHANT}) == [now, inserted]
    control("clock", {"advance_seconds": 61})
    assert found(**{"account.id": MERCHANT}) == [now, late, inserted]
    control("clock", {"advance_seconds": 60})
    assert found(**{"account.id": MERCHANT}) == [to_come, now, late, inserted]
    assert truth() == {"HBAR": 4 * 10**8}


def test_the_network_never_sleeps_and_blocks_tell_its_time(ask, found):
    newest = ask("/transactions?limit=1&order=desc")["transactions"][0]
    assert newest["name"] == "CONSENSUSSUBMITMESSAGE"
    assert time.time() - float(newest["consensus_timestamp"]) < 3
    assert ask(f"/transactions/{newest['transaction_id']}")["transactions"][0]["result"] == "SUCCESS"
    three = ask("/blocks?limit=3")["blocks"]
    assert [block["number"] - three[-1]["number"] for block in three] == [2, 1, 0]
    assert time.time() - float(three[0]["timestamp"]["to"]) < 5
    assert found(**{"account.id": MERCHANT}) == []


def test_logs_of_an_erc20_are_found_by_topic(send, ask):
    now = int(time.time())
    span = f"timestamp=gte:{now - 3600}&timestamp=lte:{now + 60}"
    alias = ask(f"/accounts/{SECOND}", transactions="false")["evm_address"]
    paid = send(asset="AUDD", amount="12.5")
    others = [send(asset="AUDD", to=SECOND), send(asset="AUDD", to=SECOND, to_form="long_zero")]
    failed, fake = send(asset="AUDD", kind="failed"), send(asset="FAKE-AUDD")
    synthetic = send(asset="USDC", synthetic_log=True)

    def logs(topic2, contract=AUDD, **params):
        return ask(f"/contracts/{contract}/results/logs?topic0={TRANSFER}&topic2={topic2}&{span}", **params)["logs"]

    (log,) = logs(long_zero(MERCHANT))
    assert (int(log["data"], 16), log["contract_id"], log["topics"][1]) == (12_500_000, AUDD, long_zero(CUSTOMER))
    (record,) = ask("/transactions", timestamp=log["timestamp"])["transactions"]
    assert record == paid["records"][0]
    assert (record["name"], record["entity_id"], record["token_transfers"]) == ("CONTRACTCALL", AUDD, [])
    assert ask(f"/transactions/{log['transaction_hash']}")["transactions"][0]["memo_base64"] == record["memo_base64"]
    assert [len(logs(form)) for form in (f"0x{alias[2:]:0>64}", long_zero(SECOND))] == [1, 1]
    assert (failed["records"][0]["result"], others[0]["result"]) == ("CONTRACT_REVERT_EXECUTED", "SUCCESS")
    assert [len(logs(long_zero(MERCHANT), contract)) for contract in ("0.0.5000667", USDC)] == [1, 1]
    assert (fake["result"], synthetic["result"]) == ("SUCCESS", "SUCCESS")
    everything = ask(f"/contracts/{AUDD}/results/logs?limit=2&order=asc")
    assert everything["logs"] == []
    assert everything["links"]["next"]
    page = ask(f"/contracts/0x{'a0dd02':0>40}/results/logs?limit=2&{span}&order=asc")
    assert (len(page["logs"]), len(ask(page["links"]["next"].removeprefix("/api/v1"))["logs"])) == (2, 1)


@pytest.mark.parametrize(
    "query",
    [
        f"topic0={TRANSFER}",
        f"topic0={TRANSFER}&timestamp=gte:1767300030",
        f"topic0={TRANSFER}&timestamp=gte:1767300030&timestamp=lte:{1767300030 + 7 * DAY + 1}",
        "topic2=me&timestamp=gte:1767300030&timestamp=lte:1767300031",
        "timestamp=ne:1767300030",
        "timestamp=gt:1&timestamp=gte:2",
        "index=1",
        "from=0x0",
    ],
)
def test_logs_refuse_what_the_vendor_refuses(query, ask):
    assert ask(f"/contracts/{AUDD}/results/logs?{query}", status=400)["_status"]["messages"][0]["message"]


def test_a_contract_says_what_it_is(sandbox, http):
    def call(data, to="a0dd02"):
        body = {"to": f"0x{to:0>40}", "data": data}
        return http.post(f"{sandbox.url}/mirror_node/api/v1/contracts/call", json=body)

    symbol = bytes.fromhex(call("0x95d89b41").json()["result"][2:])
    assert symbol[64:68] == b"AUDD"
    assert int(call("0x313ce567").json()["result"], 16) == 6
    assert int(call(f"0x70a08231{2001:064x}").json()["result"], 16) == 10**13
    assert (call("0x12345678").status_code, call("0x313ce567", "1").status_code) == (400, 400)


def test_requests_are_counted_and_limited(ask, control, sandbox, http):
    control("mirror_node/requests", method="DELETE")
    ask("/transactions?limit=1")
    ask("/tokens/0.0.1", status=404)
    counted = control("mirror_node/requests")
    assert counted["by_path"] == {"/api/v1/transactions": 1, "/api/v1/tokens/{id}": 1}
    assert (counted["total"], counted["by_status"], counted["peak_per_second"] >= 1) == (2, {"200": 1, "404": 1}, True)

    control("mirror_node/settings", {"rate_limit_per_second": 3, "retry_after": 2})
    answers = [http.get(f"{sandbox.url}/mirror_node/api/v1/blocks?limit=1") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 5
    assert (refused[0].headers["retry-after"], refused[0].headers["content-type"]) == ("2", "text/html")


@pytest.mark.parametrize(
    "wrong", [{"lag_seconds": -1}, {"network": "x"}, {"stalled": 1}, {"window_days": 1.5}, {"fee_style": "x"}, {"x": 1}]
)
def test_settings_that_cannot_be_are_refused(wrong, control):
    before = control("mirror_node/settings")
    control("mirror_node/settings", {"lag_seconds": 5, **wrong}, status=422)
    assert control("mirror_node/settings") == before
