"""What is on the ledger besides its transactions: accounts, tokens, associations, ERC-20 contracts."""

from dataclasses import asdict, dataclass, field
from typing import Any

from provvypay.sandbox.mirror_node import ids

FREEZE = ("NOT_APPLICABLE", "FROZEN", "UNFROZEN")
KYC = ("NOT_APPLICABLE", "GRANTED", "REVOKED")
PAUSE = ("NOT_APPLICABLE", "PAUSED", "UNPAUSED")
FUNGIBLE, UNIQUE = "FUNGIBLE_COMMON", "NON_FUNGIBLE_UNIQUE"


@dataclass
class Relation:
    """An account's association with a token."""

    balance: int = 0
    """In the token's smallest unit; of NFTs, how many."""
    automatic: bool = False
    freeze_status: str = "NOT_APPLICABLE"
    kyc_status: str = "NOT_APPLICABLE"
    created: int = 0
    serials: list[int] = field(default_factory=list)


@dataclass
class Account:
    """One account; balances in tinybar and smallest units."""

    num: int
    name: str = ""
    """For people at the console; the network knows nothing of it."""
    role: str = "other"
    """merchant, customer or other: how the console sorts accounts."""
    balance: int = 0
    evm_alias: str | None = None
    """Twenty bytes of hex for an ECDSA account that has an alias; None: its address is the long-zero form."""
    receiver_sig_required: bool = False
    deleted: bool = False
    max_automatic_token_associations: int = 0
    created: int = 0
    tokens: dict[int, Relation] = field(default_factory=dict)

    @property
    def evm_address(self) -> str:
        """The address contracts know it by, without 0x."""
        return self.evm_alias or ids.long_zero(self.num)

    def free_slots(self) -> int | None:
        """Return how many tokens may still associate themselves; None for any number."""
        if self.max_automatic_token_associations == -1:
            return None
        used = sum(1 for relation in self.tokens.values() if relation.automatic)
        return max(self.max_automatic_token_associations - used, 0)


@dataclass
class Token:
    """A token of the Hedera Token Service."""

    num: int
    symbol: str
    name: str
    decimals: int = 6
    type: str = FUNGIBLE
    treasury: int = 2
    total_supply: int = 0
    pause_status: str = "NOT_APPLICABLE"
    deleted: bool = False
    freeze_key: bool = False
    kyc_key: bool = False
    fixed_fees: list[dict[str, Any]] = field(default_factory=list)
    """amount, denominating_token (a number, or None for HBAR), collector (a number)."""
    fractional_fees: list[dict[str, Any]] = field(default_factory=list)
    """numerator, denominator, minimum, maximum, net_of_transfers, collector."""
    created: int = 0


@dataclass
class Contract:
    """An ERC-20 contract, or one that only pays out HBAR (then it has no symbol)."""

    num: int
    evm_address: str
    """Twenty bytes of hex."""
    symbol: str = ""
    decimals: int = 6
    balances: dict[int, int] = field(default_factory=dict)


@dataclass
class World:
    """Every entity, by number."""

    accounts: dict[int, Account] = field(default_factory=dict)
    tokens: dict[int, Token] = field(default_factory=dict)
    contracts: dict[int, Contract] = field(default_factory=dict)
    by_alias: dict[str, int] = field(default_factory=dict)

    def add_account(self, account: Account) -> Account:
        """Put an account in; its alias leads to it from now on."""
        self.accounts[account.num] = account
        if account.evm_alias:
            self.by_alias[account.evm_alias] = account.num
        return account

    def account_of(self, text: str) -> Account | None:
        """Return the account of an id, an EVM address in either form, or an alias in base32."""
        num = ids.entity_num(text)
        if num is None and (address := ids.evm(text) or ids.address_of_base32(text)):
            num = self.by_alias.get(address) or ids.num_of_long_zero(address)
        return self.accounts.get(num) if num is not None else None

    def contract_of(self, text: str) -> Contract | None:
        """Return the contract of an id or an EVM address in either form."""
        num = ids.entity_num(text)
        if num is None and (address := ids.evm(text)):
            mine = (contract.num for contract in self.contracts.values() if contract.evm_address == address)
            num = next(mine, ids.num_of_long_zero(address))
        return self.contracts.get(num) if num is not None else None

    def associate(self, account: Account, token: Token, *, at: int, automatic: bool = False) -> Relation:
        """Return the association, made now if there was none; a token with such keys starts unfrozen and granted."""
        if token.num not in account.tokens:
            account.tokens[token.num] = Relation(
                automatic=automatic,
                freeze_status="UNFROZEN" if token.freeze_key else "NOT_APPLICABLE",
                kyc_status="GRANTED" if token.kyc_key else "NOT_APPLICABLE",
                created=at,
            )
        return account.tokens[token.num]

    def dump(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "accounts": [asdict(account) for account in self.accounts.values()],
            "tokens": [asdict(token) for token in self.tokens.values()],
            "contracts": [asdict(contract) for contract in self.contracts.values()],
        }

    @classmethod
    def loaded(cls, data: dict[str, Any]) -> "World":
        """Return the world of dumped data."""
        world = cls()
        for row in data["accounts"]:
            tokens = {int(num): Relation(**relation) for num, relation in row["tokens"].items()}
            world.add_account(Account(**{**row, "tokens": tokens}))
        world.tokens = {row["num"]: Token(**row) for row in data["tokens"]}
        for row in data["contracts"]:
            balances = {int(num): amount for num, amount in row["balances"].items()}
            world.contracts[row["num"]] = Contract(**{**row, "balances": balances})
        return world
