"""The ledger behind the mirror node: who is paid what in which way, and the truth about it."""

import time

import pytest

from tests.sandbox.ledger import AUDD, CUSTOMER, EVM_CUSTOMER, MERCHANT, SECOND, USDC, USDT, gained

ONE_HBAR, ONE = 10**8, 10**6


@pytest.mark.parametrize(
    ("asset", "key", "units"), [("HBAR", "HBAR", ONE_HBAR), ("USDC", USDC, ONE), ("USDT", USDT, ONE)]
)
def test_money_arrives_and_every_list_of_lines_adds_up_to_nothing(asset, key, units, send, ask):
    sent = send(asset=asset)

    (record,) = ask("/transactions", **{"account.id": MERCHANT, "type": "credit", "result": "success"})["transactions"]
    assert record == sent["records"][0]
    assert gained(record, MERCHANT, key) == units == sent["credits"][0]["units"]
    for lines in (record["transfers"], record["token_transfers"]):
        assert sum(line["amount"] for line in lines) == 0
    assert record["transfers"] == sorted(record["transfers"], key=lambda line: int(line["account"][4:]))
    assert record["memo_base64"] == "UFYtN0syTQ=="
    (shown,) = ask(f"/transactions/{sent['transaction_id']}")["transactions"]
    assert shown == {**record, "assessed_custom_fees": []}


@pytest.mark.parametrize(
    ("wish", "names", "credit"),
    [
        ({"kind": "scheduled"}, ["SCHEDULECREATE", "CRYPTOTRANSFER"], ONE_HBAR),
        ({"kind": "child"}, ["CONTRACTCALL", "CRYPTOTRANSFER"], ONE_HBAR),
        ({"kind": "ethereum", "payer": EVM_CUSTOMER}, ["ETHEREUMTRANSACTION"], ONE_HBAR),
        ({"kind": "contract_call"}, ["CONTRACTCALL"], ONE_HBAR),
        ({"kind": "batch"}, ["ATOMICBATCH", "CRYPTOTRANSFER"], ONE_HBAR),
        ({"kind": "approval"}, ["CRYPTOTRANSFER"], ONE_HBAR),
        ({"kind": "duplicate"}, ["CRYPTOTRANSFER", "CRYPTOTRANSFER"], ONE_HBAR),
        ({"fee_payer": MERCHANT}, ["CRYPTOTRANSFER"], ONE_HBAR),
        ({"staking_reward": 25_000_000}, ["CRYPTOTRANSFER"], ONE_HBAR),
        ({"kind": "self"}, ["CRYPTOTRANSFER"], 0),
        ({"kind": "failed"}, ["CRYPTOTRANSFER"], 0),
    ],
    ids=lambda value: str(value)[:40],
)
def test_hbar_comes_in_every_way(wish, names, credit, send, truth):
    sent = send(**wish)

    assert [record["name"] for record in sent["records"]] == names
    assert sum(gained(record, MERCHANT) for record in sent["records"] if record["result"] == "SUCCESS") == credit
    assert truth().get("HBAR", 0) == credit


def test_one_id_leads_to_several_records(send, ask):
    scheduled, child, twice = (send(kind=kind)["transaction_id"] for kind in ("scheduled", "child", "duplicate"))
    batch = send(kind="batch")["records"][0]["transaction_id"]

    def read(name, **params):
        return ask(f"/transactions/{name}", **params)["transactions"]

    made, carried_out = read(scheduled)
    assert (made["scheduled"], carried_out["scheduled"], carried_out["node"]) == (False, True, None)
    assert read(scheduled, scheduled="true") == [carried_out]
    parent, moved = read(child)
    assert (moved["nonce"], moved["parent_consensus_timestamp"]) == (1, parent["consensus_timestamp"])
    assert (bool(parent["memo_base64"]), moved["memo_base64"], moved["charged_tx_fee"]) == (True, "", 0)
    assert read(child, nonce="1") == [moved]
    assert [record["result"] for record in read(twice)] == ["SUCCESS", "DUPLICATE_TRANSACTION"]
    assert [record["name"] for record in read(batch)] == ["ATOMICBATCH", "CRYPTOTRANSFER"]


def test_an_evm_wallet_sends_everything_without_a_memo(send, truth):
    token = send(kind="ethereum", asset="USDC", payer=EVM_CUSTOMER)["records"]
    contract = send(kind="ethereum", asset="AUDD", payer=EVM_CUSTOMER)["records"]

    assert [(record["name"], record["nonce"]) for record in token] == [
        ("ETHEREUMTRANSACTION", 0),
        ("CRYPTOTRANSFER", 1),
    ]
    assert (gained(token[0], MERCHANT, USDC), gained(token[1], MERCHANT, USDC)) == (0, ONE)
    assert [(record["name"], record["entity_id"]) for record in contract] == [("ETHEREUMTRANSACTION", AUDD)]
    assert {record["memo_base64"] for record in (*token, *contract)} == {""}
    assert truth() == {USDC: ONE, AUDD: ONE}


def test_several_assets_under_one_memo_and_lines_that_lie(send, truth):
    several = send(
        asset="USDC", also=[{"asset": "HBAR", "amount": "2"}, {"to": SECOND, "asset": "USDC", "amount": "3"}]
    )
    (record,) = several["records"]
    assert (gained(record, MERCHANT, USDC), gained(record, MERCHANT), gained(record, SECOND, USDC)) == (
        ONE, 2 * ONE_HBAR, 3 * ONE)  # fmt: skip

    (doubled,) = send(asset="USDC", kind="doubled")["records"]
    (failed,) = send(asset="USDC", kind="failed", with_transfers=True)["records"]
    assert (gained(doubled, MERCHANT, USDC), gained(failed, MERCHANT, USDC)) == (2 * ONE, ONE)
    assert truth() == {USDC: 2 * ONE, "HBAR": 2 * ONE_HBAR}


def test_custom_fees_are_taken_and_shown_by_id_only(send, ask, control):
    fee = {"numerator": 1, "denominator": 100}
    taken = send(asset="USDC", amount="10", fractional_fee=fee)
    on_top = send(asset="USDC", amount="10", fractional_fee={**fee, "net_of_transfers": True})
    of_token = send(asset="FEE-TOKEN", amount="10")
    control("mirror_node/tokens", {"token": "USDT", "fixed_fees": [{"amount": 5, "denominating_token": None}]})
    fixed = send(asset="USDT")

    assert [gained(one["records"][0], MERCHANT, USDC) for one in (taken, on_top)] == [9_900_000, 10 * ONE]
    assert gained(on_top["records"][0], CUSTOMER, USDC) == -10_100_000
    assert "assessed_custom_fees" not in of_token["records"][0]
    (shown,) = ask(f"/transactions/{of_token['transaction_id']}")["transactions"]
    assert shown["assessed_custom_fees"] == [
        {"amount": 100_000, "collector_account_id": "0.0.901", "effective_payer_account_ids": [MERCHANT],
         "token_id": "0.0.5000707"}
    ]  # fmt: skip
    assert gained(fixed["records"][0], "0.0.901") == 5
    (described,) = ask(f"/tokens/{USDT}")["custom_fees"]["fixed_fees"]
    assert (described["amount"], described["denominating_token_id"]) == (5, None)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"to": "0.0.1010"}, "ACCOUNT_DELETED"),
        ({"to": "0.0.1011"}, "INVALID_SIGNATURE"),
        ({"to": "0.0.1012", "asset": "USDC"}, "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"),
        ({"to": "0.0.1013", "asset": "USDC"}, "SUCCESS"),
        ({"to": "0.0.1014", "asset": "USDC"}, "ACCOUNT_FROZEN_FOR_TOKEN"),
        ({"to": "0.0.1015", "asset": "USDT"}, "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN"),
        ({"to": "0.0.1016", "asset": "USDT"}, "NO_REMAINING_AUTOMATIC_ASSOCIATIONS"),
        ({"to": "0.0.1012", "asset": "AUDD"}, "SUCCESS"),
        ({"payer": "0.0.2005", "amount": "1"}, "INSUFFICIENT_ACCOUNT_BALANCE"),
        ({"payer": "0.0.2005", "asset": "USDC"}, "INSUFFICIENT_TOKEN_BALANCE"),
        ({"payer": "0.0.2005", "asset": "AUDD"}, "CONTRACT_REVERT_EXECUTED"),
        ({"payer": "0.0.2005", "asset": "USDT", "result": "SUCCESS"}, "INSUFFICIENT_TOKEN_BALANCE"),
        ({"result": "FAIL_INVALID"}, "FAIL_INVALID"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_the_ledger_judges_as_the_network_does(wish, code, send, control):
    def held():
        accounts = control("mirror_node/accounts")["accounts"]
        return next(row["balances"] for row in accounts if row["account"] == wish.get("to", MERCHANT))

    before = held()

    sent = send(**wish)

    assert sent["result"] == sent["records"][0]["result"] == code
    assert bool(sent["credits"]) == (code == "SUCCESS") == (held() != before)
    if code != "SUCCESS":
        assert {line["account"] for line in sent["records"][0]["transfers"]} <= {"0.0.802", wish.get("payer", CUSTOMER)}


def test_paused_and_who_cannot_pay_the_fee(send, control):
    control("mirror_node/tokens", {"token": "USDC", "pause_status": "PAUSED"})
    assert send(asset="USDC")["result"] == "TOKEN_IS_PAUSED"

    control("mirror_node/accounts", {"account": "0.0.2005", "hbar": "0.0001"})
    assert "INSUFFICIENT_PAYER_BALANCE" in send(status=409, payer="0.0.2005")["error"]


def test_a_pending_airdrop_is_no_payment_until_it_is_claimed(send, control, truth, ask):
    sent = send(kind="airdrop", asset="USDC", to="0.0.1012")
    assert (sent["records"][0]["result"], sent["credits"]) == ("SUCCESS", [])
    assert ask("/accounts/0.0.1012/tokens")["tokens"] == []
    (waiting,) = control("mirror_node/airdrops")["airdrops"]

    claimed = control(f"mirror_node/airdrops/{waiting['id']}/claim", {})

    assert claimed["records"][0]["name"] == "TOKENCLAIMAIRDROP"
    assert truth("0.0.1012") == {USDC: ONE}
    control(f"mirror_node/airdrops/{waiting['id']}/claim", {}, status=409)
    assert send(kind="airdrop", asset="USDC")["credits"][0]["account"] == MERCHANT


def test_nft_mint_and_fee_styles(send, control, ask, truth):
    nft = send(kind="nft", asset="NFT")["records"][0]
    assert (nft["nft_transfers"][0]["receiver_account_id"], nft["token_transfers"]) == (MERCHANT, [])
    assert ask("/transactions", **{"account.id": MERCHANT, "type": "credit"})["transactions"] == []
    minted = send(kind="mint", asset="USDC")
    assert [(line["account"], line["amount"]) for line in minted["records"][0]["token_transfers"]] == [("0.0.900", ONE)]

    control("mirror_node/settings", {"fee_style": "split"})
    (record,) = send()["records"]
    assert {line["account"] for line in record["transfers"]} == {
        "0.0.3",
        "0.0.98",
        "0.0.800",
        "0.0.801",
        MERCHANT,
        CUSTOMER,
    }
    assert sum(line["amount"] for line in record["transfers"]) == 0
    assert truth() == {"HBAR": ONE_HBAR}


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"to": "0.0.7777"}, 404),
        ({"asset": "0.0.7777"}, 404),
        ({"amount": "0"}, 422),
        ({"amount": "0.000000001"}, 422),
        ({"amount": "1e3"}, 422),
        ({"amount": None, "units": 1.5}, 422),
        ({"memo": "x" * 101}, 422),
        ({"memo_base64": "***"}, 422),
        ({"kind": "magic"}, 422),
        ({"consensus_timestamp": "soon"}, 422),
        ({"transaction_id": "0.0.1@1.1"}, 422),
        ({"surprise": 1}, 422),
        ({"staking_reward": "much"}, 422),
        ({"fractional_fee": {"numerator": 1}, "asset": "USDC", "doubled": "yes"}, 422),
        ({"also": {"to": "0.0.1001"}}, 422),
        ({"kind": "contract_call", "asset": "USDC"}, 422),
        ({"network": "previewnet"}, 422),
    ],
)
def test_a_wish_that_cannot_be_granted_moves_nothing(wish, status, send, control):
    assert send(status=status, **wish)["error"]
    assert control("mirror_node/credits") == {"credits": [], "totals": {}}


def test_memos_of_raw_bytes_and_ids_of_ones_own(send, ask, sandbox):
    sent = send(memo=None, memo_base64="//79", transaction_id=f"{CUSTOMER}@1767300030.82525000")

    assert sent["records"][0]["memo_base64"] == "//79"
    assert sent["transaction_id"] == f"{CUSTOMER}-1767300030-082525000"
    assert ask(f"/transactions/{CUSTOMER}-1767300030-82525000")["transactions"]
    assert len({send()["transaction_id"] for _ in range(5)}) == 5
    at = f"{int(time.time()) - 30}.000000001"
    stamps = [send(consensus_timestamp=at)["consensus_timestamp"] for _ in range(3)]
    assert stamps == [f"{at[:-1]}{digit}" for digit in "123"]


def test_mainnet_s_ids_are_served_too(send, ask, control):
    assert send(asset="USDC", network="mainnet")["credits"][0]["asset"] == "0.0.456858"
    control("mirror_node/settings", {"network": "mainnet"})
    assert [send(asset=name)["credits"][0]["asset"] for name in ("USDT", "AUDD")] == ["0.0.10282787", "0.0.8317070"]
    assert ask("/tokens/0.0.10282787")["symbol"] == "USDT0"
    assert ask("/contracts/0x39ceba2b467fa987546000eb5d1373acf1f3a2e1")["contract_id"] == "0.0.8317070"
    rows = {row["asset"]: row for row in control("mirror_node/assets")["assets"]}
    assert rows[AUDD]["kind"] == "erc20"
    assert rows["0.0.456858"]["network"] == "mainnet"


def test_accounts_are_made_and_changed(control, ask, send):
    made = control("mirror_node/accounts", {"count": 3, "role": "merchant", "evm_alias": True, "tokens": {"USDC": {}}})
    account = made["accounts"][0]["account"]
    address = made["accounts"][0]["evm_address"]
    assert [list(row["associations"]) for row in made["accounts"]] == [[USDC]] * 3
    assert ask(f"/accounts/{address}", transactions="false")["account"] == account
    assert send(to=address)["credits"][0]["account"] == account

    control("mirror_node/accounts", {"account": account, "tokens": {"USDC": None}, "receiver_sig_required": True})
    assert ask(f"/accounts/{account}/tokens")["tokens"] == []
    shown = ask(f"/accounts/{account}", transactions="false")
    assert (shown["receiver_sig_required"], shown["balance"]["balance"], shown["evm_address"]) == (
        True,
        ONE_HBAR,
        address,
    )
    for wrong in ({"hbar": "x"}, {"evm_alias": "0x1"}, {"tokens": {"USDC": 1}}, {"role": "king"}, {"x": 1}):
        control("mirror_node/accounts", {"account": account, **wrong}, status=422)


def test_the_ledger_outlives_a_restart_and_an_old_snapshot(tmp_path, http):
    from provvypay.sandbox.server import running

    state = tmp_path / "sandbox.json"
    with running(state_file=state) as place:
        wish = {"to": MERCHANT, "asset": "AUDD", "amount": "2"}
        sent = http.post(f"{place.url}/_control/mirror_node/transfers", json=wish).json()
    with running(state_file=state) as place:
        base = f"{place.url}/mirror_node/api/v1"
        assert http.get(f"{base}/transactions/{sent['transaction_id']}").status_code == 200
        assert http.get(f"{place.url}/_control/mirror_node/credits").json()["totals"][MERCHANT] == {AUDD: 2 * ONE}
        assert len(http.get(f"{base}/contracts/{AUDD}/results/logs").json()["logs"]) == 1
        http.post(f"{place.url}/_control/reset")
        assert http.get(f"{base}/transactions/{sent['transaction_id']}").status_code == 404
