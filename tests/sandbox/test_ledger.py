"""The ledger behind the mirror node: who is paid what, and how the mirror node shows it."""

import pytest

MERCHANT = "0.0.1001"


@pytest.fixture
def pay(control):
    def send(status=201, **wanted):
        return control(
            "mirror_node/transfers", {"to": MERCHANT, "amount": "1", "memo": "PV-7K2M", **wanted}, status=status
        )

    return send


@pytest.fixture
def ask(sandbox, http):
    """GET from the mirror node; a path with a query is taken as it is."""

    def get(path, status=200, **params):
        answer = http.get(f"{sandbox.url}/mirror_node/api/v1{path}", params=params or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    return get


@pytest.mark.parametrize(
    ("asset", "units", "token"),
    [("HBAR", 1_250_000_000, None), ("USDC", 12_500_000, "0.0.429274"), ("USDT", 12_500_000, "0.0.5000101")],
)
def test_money_arrives_and_the_lines_add_up(asset, units, token, pay, ask):
    sent = pay(asset=asset, amount="12.5")

    (record,) = ask("/transactions", **{"account.id": MERCHANT, "type": "credit", "result": "success"})["transactions"]
    lines = record["token_transfers"] if token else record["transfers"]
    assert record == sent["records"][0]
    assert sum(line["amount"] for line in lines if line["account"] == MERCHANT) == units
    assert sum(line["amount"] for line in lines) == sum(line["amount"] for line in record["transfers"]) == 0
    assert sent["credits"][0]["units"] == units
    (shown,) = ask(f"/transactions/{sent['transaction_id']}")["transactions"]
    assert shown == {**record, "assessed_custom_fees": []}
