"""Whatever is sent in whatever way: no money appears or vanishes, and the truth is what balances say."""

import contextlib
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provvypay.sandbox.coingecko import service as gecko_service
from provvypay.sandbox.core import Core
from provvypay.sandbox.mirror_node import desk
from provvypay.sandbox.mirror_node import service as mirror_service
from provvypay.sandbox.mirror_node.kinds import KINDS
from provvypay.sandbox.wishes import CannotDo
from tests.sandbox.ledger import AUDD, MERCHANT, USDC, gained

MERCHANTS = (1001, 1002, 1012, 1013, 1014, 1016)
WISHES = st.fixed_dictionaries(
    {
        "to": st.sampled_from([f"0.0.{num}" for num in MERCHANTS]),
        "asset": st.sampled_from(["HBAR", "USDC", "USDT", "AUDD", "AUDD-HTS", "FEE-TOKEN", "NFT"]),
        "units": st.integers(1, 10**12),
        "payer": st.sampled_from(["0.0.2001", "0.0.2002", "0.0.2005", MERCHANT]),
        "kind": st.sampled_from(list(KINDS)),
    },
    optional={
        "seconds_ago": st.sampled_from([0, 0.5, 90, -90]),
        "staking_reward": st.integers(1, 10**9),
        "fee_payer": st.sampled_from([MERCHANT, "0.0.2003"]),
        "also": st.just([{"to": MERCHANT, "asset": "USDC", "units": 7}]),
        "fractional_fee": st.just({"numerator": 3, "denominator": 1000}),
    },
)


def held(state):
    """What every account holds, by asset."""
    return {num: Counter(desk.balances(state, num)) for num in state.world.accounts}


@given(st.lists(WISHES, max_size=12))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_money_neither_appears_nor_vanishes_and_the_truth_is_the_balances(wishes):
    core = Core()
    state = mirror_service.build(core, gecko_service.build(core))
    before = held(state)

    with core.lock:
        for wish in wishes:
            with contextlib.suppress(CannotDo):
                desk.pay(state, wish)

    after = held(state)
    records = list(state.records.by_time.values())
    minted: Counter[str] = Counter()
    for row in state.credits:
        if row["kind"] == "mint":
            minted[row["asset"]] += row["units"]
    gains = {
        asset: sum(after[num][asset] - before[num][asset] for num in after)
        for asset in {name for balances in after.values() for name in balances}
    }
    assert {asset: gain for asset, gain in gains.items() if gain} == dict(minted)
    assert min(amount for balances in after.values() for amount in balances.values()) >= 0
    assert state.records.times == sorted(set(state.records.times))

    # 0.0.1002 never sends: what it gained is exactly what the truth says, and what a careful reader finds
    truth = desk.truth(state, "0.0.1002")["totals"].get("0.0.1002", {})
    rewards = sum(
        reward["amount"]
        for record in records
        for reward in record.body["staking_reward_transfers"]
        if reward["account"] == "0.0.1002"
    )
    grown = {asset: after[1002][asset] - before[1002][asset] for asset in after[1002]}
    grown["HBAR"] -= rewards
    paid = [record.body for record in records if record.body["transaction_id"].startswith("0.0.1002-")]
    grown["HBAR"] += sum(body["charged_tx_fee"] for body in paid)
    grown.pop("0.0.5000808")
    assert {asset: amount for asset, amount in grown.items() if amount} == truth
    for asset in ("HBAR", USDC):
        found = sum(
            gained(record.body, "0.0.1002", asset) // (2 if _doubled(record.body) and asset != "HBAR" else 1)
            for record in records
            if record.body["result"] == "SUCCESS"
        )
        assert found == truth.get(asset, 0)
    logged = sum(
        int(log["data"], 16)
        for record in records
        for log in record.logs
        if (log["contract_id"], log["topics"][2]) == (AUDD, f"0x{state.world.accounts[1002].evm_address:0>64}")
    )
    assert logged == truth.get(AUDD, 0)


def _doubled(body):
    lines = [(line["token_id"], line["account"]) for line in body["token_transfers"]]
    return len(lines) != len(set(lines))
