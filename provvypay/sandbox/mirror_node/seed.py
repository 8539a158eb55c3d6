"""The ledger as it is at the beginning: two merchants, customers with plenty of money, accounts that cannot receive.

The same every time, so that tests and the demo know whom to pay.
"""

from provvypay.sandbox.mirror_node import assets, ids
from provvypay.sandbox.mirror_node.world import UNIQUE, Account, Contract, Token, World

CREATED = 1_700_000_000 * ids.NANOS
HBAR, MILLION = 10**8, 10**6
ISSUER, COLLECTOR, RELAYER, EXCHANGE = 900, 901, 2_000, 2_009
MERCHANT, SECOND_MERCHANT, CUSTOMER, EVM_CUSTOMER, POOR_CUSTOMER = 1_001, 1_002, 2_001, 2_002, 2_005
NODE, OTHER_NODE = 3, 4
SYSTEM = {
    2: "Treasury of the network",
    NODE: "Node 3",
    OTHER_NODE: "Node 4",
    98: "Fees of the network",
    800: "Staking rewards",
    801: "Node rewards",
    802: "Fees collected",
}
HOLDERS = {
    CUSTOMER: "Ada (HashPack)",
    EVM_CUSTOMER: "Ben (EVM wallet)",
    2_003: "Cleo",
    2_004: "Dev",
    EXCHANGE: "An exchange",
}
UNABLE = {
    1_010: "Deleted account",
    1_011: "Wants to sign what it receives",
    1_012: "No token associated, no free slot",
    1_013: "No token associated, any number of free slots",
    1_014: "Frozen for USDC",
    1_015: "KYC revoked for USDT",
    1_016: "One slot, already used by USDC",
}


def world() -> World:
    """Return the world of the beginning."""
    made = World()
    _tokens(made)
    for num, name in SYSTEM.items():
        made.add_account(Account(num, name, balance=10**15, created=CREATED))
    made.add_account(Account(ISSUER, "Issuer of the tokens", balance=MILLION * HBAR, created=CREATED))
    made.add_account(Account(COLLECTOR, "Collects custom fees", balance=HBAR, created=CREATED))
    made.add_account(Account(RELAYER, "Relays EVM wallets", balance=MILLION * HBAR, created=CREATED))
    _merchants(made)
    for num, name in HOLDERS.items():
        alias = ids.derived(f"alias of {num}", 20) if num == EVM_CUSTOMER else None
        holder = Account(num, name, "customer", 10 * MILLION * HBAR, alias, created=CREATED)
        _hold(made, made.add_account(holder), 10 * MILLION)
    _hold(made, made.add_account(Account(POOR_CUSTOMER, "Has next to nothing", "customer", HBAR, created=CREATED)), 0)
    _hold(made, made.accounts[ISSUER], 100 * MILLION)
    _hold(made, made.accounts[COLLECTOR], 0)
    _unable(made)
    return made


def _tokens(made: World) -> None:
    for network in assets.NETWORKS:
        named = assets.NAMED[network]
        usdt = ("USDT0", "USDT0") if network == "mainnet" else ("USDT", "Tether USD, sandbox")
        made.tokens[named["USDC"]] = Token(named["USDC"], "USDC", "USD Coin", freeze_key=True)
        made.tokens[named["USDT"]] = Token(named["USDT"], *usdt, kyc_key=network == "testnet")
        made.contracts[named["AUDD"]] = Contract(named["AUDD"], assets.AUDD_ADDRESS[network], "AUDD")
    fee = {"numerator": 1, "denominator": 100, "minimum": 0, "maximum": None, "net_of_transfers": False}
    for token in (
        Token(assets.HTS_AUDD, "AUDD", "AUDD as a token of the token service, sandbox"),
        Token(assets.LOOK_ALIKE_USDC, "USDC", "USD Coin", freeze_key=True),
        Token(assets.BRIDGED_USDT, "USDT[hts]", "Tether USD[hts]"),
        Token(assets.WITH_FRACTIONAL_FEE, "FEEX", "Token with a fee", fractional_fees=[fee | {"collector": COLLECTOR}]),
        Token(assets.NFT, "BENCH", "Pictures of benches", decimals=0, type=UNIQUE),
    ):
        made.tokens[token.num] = token
    for token in made.tokens.values():
        token.treasury, token.created = ISSUER, CREATED
    look_alike = Contract(assets.LOOK_ALIKE_AUDD, f"{ids.derived('look-alike', 18)}0667", "AUDD")
    made.contracts[look_alike.num] = look_alike
    made.contracts[assets.PAYOUT_CONTRACT] = Contract(
        assets.PAYOUT_CONTRACT, ids.long_zero(assets.PAYOUT_CONTRACT), decimals=0
    )
    made.add_account(Account(assets.PAYOUT_CONTRACT, "A contract that pays out", balance=HBAR, created=CREATED))


def _merchants(made: World) -> None:
    first = Account(MERCHANT, "Merchant", "merchant", 100 * HBAR, created=CREATED)
    alias = ids.derived(f"alias of {SECOND_MERCHANT}", 20)
    second = Account(SECOND_MERCHANT, "Second merchant (has an EVM alias)", "merchant", 100 * HBAR, alias)
    for account in (first, second):
        account.created = CREATED
        _hold(made, made.add_account(account), 0)


def _unable(made: World) -> None:
    for num, name in UNABLE.items():
        made.add_account(Account(num, name, "merchant", HBAR, created=CREATED))
    accounts = made.accounts
    for num in (1_010, 1_011, 1_014, 1_015):
        _hold(made, accounts[num], 0)
    accounts[1_010].deleted = True
    accounts[1_011].receiver_sig_required = True
    accounts[1_013].max_automatic_token_associations = -1
    accounts[1_016].max_automatic_token_associations = 1
    for network in assets.NETWORKS:
        named = assets.NAMED[network]
        accounts[1_014].tokens[named["USDC"]].freeze_status = "FROZEN"
        if made.tokens[named["USDT"]].kyc_key:
            accounts[1_015].tokens[named["USDT"]].kyc_status = "REVOKED"
    usdc = made.tokens[assets.NAMED["testnet"]["USDC"]]
    made.associate(accounts[1_016], usdc, at=CREATED, automatic=True)


def _hold(made: World, account: Account, whole: int) -> None:
    """Associate an account with every token, and let it hold so many whole ones of each, and of every ERC-20."""
    for token in made.tokens.values():
        relation = made.associate(account, token, at=CREATED)
        if token.type == UNIQUE:
            relation.serials = list(range(account.num * 100, account.num * 100 + 20)) if whole else []
            relation.balance = len(relation.serials)
        else:
            relation.balance = whole * 10**token.decimals
        token.total_supply += relation.balance
    for contract in made.contracts.values():
        if contract.symbol:
            contract.balances[account.num] = whole * 10**contract.decimals
