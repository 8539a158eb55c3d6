"""What tests of the ledger share: paying, asking the mirror node, reading a record as a careful client would."""

from typing import Any

MERCHANT, SECOND, CUSTOMER, EVM_CUSTOMER = "0.0.1001", "0.0.1002", "0.0.2001", "0.0.2002"
USDC, USDT, AUDD = "0.0.429274", "0.0.5000101", "0.0.5000202"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def long_zero(account: str) -> str:
    """Return an account's address as a log's topic has it."""
    return f"0x{int(account.removeprefix('0.0.')):064x}"


def gained(record: dict[str, Any], account: str, asset: str = "HBAR") -> int:
    """Return what the account's own lines of a record come to, without rewards and with the fee it paid itself."""
    if asset != "HBAR":
        return sum(
            line["amount"]
            for line in record["token_transfers"]
            if (line["account"], line["token_id"]) == (account, asset)
        )
    lines = sum(line["amount"] for line in record["transfers"] if line["account"] == account)
    rewards = sum(line["amount"] for line in record["staking_reward_transfers"] if line["account"] == account)
    pays = record["transaction_id"].split("-")[0] == account and record["nonce"] == 0
    return lines - rewards + (record["charged_tx_fee"] if pays else 0)
