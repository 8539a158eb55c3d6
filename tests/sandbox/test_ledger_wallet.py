"""The stand-in wallet's door to the ledger: decoded transactions in, codes out."""

import time

import pytest

from tests.sandbox.ledger import AUDD, CUSTOMER, EVM_CUSTOMER, MERCHANT, SECOND, USDC

CALL = "a9059cbb"


@pytest.fixture
def submit(control):
    def hand_in(**wanted):
        usual = {"transaction_id": f"{CUSTOMER}@{int(time.time()) - 3}.82525000", "memo": "PV-7K2M"}
        return control("mirror_node/wallet/submit", {**usual, **wanted})

    return hand_in


def moved(amount, sender=CUSTOMER, receiver=MERCHANT, **more):
    return [{"account": sender, "amount": -int(amount), **more}, {"account": receiver, "amount": amount, **more}]


def called(receiver, amount, contract=AUDD, **more):
    parameters = f"0x{CALL}{receiver:0>64}{amount:064x}"
    return {"contract_id": contract, "gas": 100_000, "function_parameters": parameters, **more}


def test_hbar_tokens_and_contract_calls_arrive(submit, truth, ask, control):
    sent = submit(transfers=moved(100), token_transfers=moved("5", token_id=USDC))
    assert (sent["status"], sent["node_id"]) == ("SUCCESS", "0.0.3")
    payer, start = sent["transaction_id"].split("@")
    (record,) = ask(f"/transactions/{payer}-{start.replace('.', '-')}")["transactions"]
    assert (record["memo_base64"], record["consensus_timestamp"]) == ("UFYtN0syTQ==", sent["consensus_timestamp"])
    assert submit(transaction_id=sent["transaction_id"], transfers=moved(1))["status"] == "DUPLICATE_TRANSACTION"

    alias = next(row for row in control("mirror_node/accounts")["accounts"] if row["account"] == SECOND)["evm_address"]
    start = int(time.time())
    for place, receiver in enumerate((f"{1001:040x}", alias[2:])):
        by = f"{EVM_CUSTOMER}@{start}.{place + 1}"
        assert submit(transaction_id=by, contract_call=called(receiver, 7))["status"] == "SUCCESS"
    assert truth() == {"HBAR": 100, USDC: 5, AUDD: 7}
    assert truth(SECOND) == {AUDD: 7}


@pytest.mark.parametrize(
    ("wanted", "status", "recorded"),
    [
        ({"transaction_id": "0.0.7777@1767300030.1"}, "PAYER_ACCOUNT_NOT_FOUND", False),
        ({"transfers": [{"account": CUSTOMER, "amount": -1}]}, "INVALID_ACCOUNT_AMOUNTS", False),
        ({"transfers": moved(1, receiver="0.0.7777")}, "INVALID_ACCOUNT_ID", False),
        ({"token_transfers": moved(1, token_id="0.0.7777")}, "INVALID_TOKEN_ID", False),
        ({"token_transfers": moved(1, token_id=USDC)[:1]}, "TRANSFERS_NOT_ZERO_SUM_FOR_TOKEN", False),
        ({"memo": "x" * 101}, "MEMO_TOO_LONG", False),
        ({"contract_call": called("1", 1, "0.0.7777")}, "INVALID_CONTRACT_ID", False),
        ({"transaction_id": f"{CUSTOMER}@1767300030.1", "strict_time": True}, "TRANSACTION_EXPIRED", False),
        ({"transaction_id": f"{CUSTOMER}@4767300030.1", "strict_time": True}, "INVALID_TRANSACTION_START", False),
        ({"transfers": moved(1, receiver="0.0.1011")}, "INVALID_SIGNATURE", True),
        ({"token_transfers": moved(1, receiver="0.0.1012", token_id=USDC)}, "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT", True),
        ({"contract_call": called(f"{1001:040x}", 10**20)}, "CONTRACT_REVERT_EXECUTED", True),
        ({"contract_call": called(f"{1001:040x}", 1, gas=100)}, "INSUFFICIENT_GAS", True),
        ({"contract_call": called("", 1, function_parameters="CV6nsw==")}, "CONTRACT_REVERT_EXECUTED", True),
        ({"transfers": moved(1), "fail_with": "BUSY"}, "BUSY", True),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_transaction_that_fails_says_why(wanted, status, recorded, submit, truth, ask):
    answer = submit(**wanted)

    assert (answer["status"], answer["credits"], truth()) == (status, [], {})
    assert bool(answer["consensus_timestamp"]) is recorded
    payers = {"account.id": answer["transaction_id"].split("@")[0], "result": "fail"}
    assert [record["result"] for record in ask("/transactions", **payers)["transactions"]] == [status] * recorded


def test_who_cannot_pay_the_fee_leaves_no_record(submit, control, ask):
    control("mirror_node/accounts", {"account": CUSTOMER, "hbar": "0.0001"})

    assert submit(transfers=moved(1))["status"] == "INSUFFICIENT_PAYER_BALANCE"
    assert ask("/transactions", **{"account.id": CUSTOMER})["transactions"] == []


def test_what_is_no_transaction_is_refused(control):
    for wrong in ({}, {"transaction_id": "x"}, {"transaction_id": "0.0.2001@1.1", "transfers": [1]},
                  {"transaction_id": "0.0.2001@1.1", "transfers": [{"account": CUSTOMER, "amount": "a"}]},
                  {"transaction_id": "0.0.2001@1.1", "contract_call": called("1", 1, gas="a lot")},
                  {"transaction_id": "0.0.2001@1.1", "signature": "x"}):  # fmt: skip
        assert control("mirror_node/wallet/submit", wrong, status=422)["error"]
