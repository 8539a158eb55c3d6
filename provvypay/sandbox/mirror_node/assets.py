"""The money of the stand-in: what HBAR, USDC, USDT and AUDD are on each network, and amounts of them.

The ids of mainnet, and of USDC on testnet, are the issuers'. Nobody has issued USDT or AUDD on testnet: those ids, and
all between 0.0.5000000 and 0.0.5999999, are the sandbox's own.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from provvypay.sandbox.mirror_node import ids
from provvypay.sandbox.mirror_node.world import UNIQUE, World
from provvypay.sandbox.wishes import CannotDo

HBAR_DECIMALS = 8
NETWORKS = ("testnet", "mainnet")
NAMED = {
    "testnet": {"USDC": 429_274, "USDT": 5_000_101, "AUDD": 5_000_202},
    "mainnet": {"USDC": 456_858, "USDT": 10_282_787, "AUDD": 8_317_070},
}
AUDD_ADDRESS = {
    "testnet": "0000000000000000000000000000000000a0dd02",
    "mainnet": "39ceba2b467fa987546000eb5d1373acf1f3a2e1",
}
HTS_AUDD, LOOK_ALIKE_USDC, LOOK_ALIKE_AUDD = 5_000_303, 5_000_666, 5_000_667
BRIDGED_USDT, WITH_FRACTIONAL_FEE, NFT, PAYOUT_CONTRACT = 1_055_472, 5_000_707, 5_000_808, 5_000_900
NICKNAMES = {
    "AUDD-HTS": HTS_AUDD,
    "FAKE-USDC": LOOK_ALIKE_USDC,
    "FAKE-AUDD": LOOK_ALIKE_AUDD,
    "USDT-BRIDGED": BRIDGED_USDT,
    "FEE-TOKEN": WITH_FRACTIONAL_FEE,
    "NFT": NFT,
}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Asset:
    """Something that can be sent."""

    kind: str
    """native, hts, nft or erc20."""
    num: int | None
    """The token's or the contract's; None for HBAR."""
    symbol: str
    decimals: int

    @property
    def key(self) -> str:
        """HBAR, or the id of the token or contract."""
        return ids.entity(self.num) or "HBAR"


HBAR = Asset("native", None, "HBAR", HBAR_DECIMALS)


def find(world: World, name: str, network: str) -> Asset:
    """Return the asset of a symbol on a network, of a nickname, or of an id.

    :raises CannotDo: when there is none
    """
    wanted = name.strip()
    if wanted.upper() == "HBAR":
        return HBAR
    num = NAMED[network].get(wanted.upper()) or NICKNAMES.get(wanted.upper()) or ids.entity_num(wanted)
    if num in world.tokens:
        token = world.tokens[num]
        return Asset("nft" if token.type == UNIQUE else "hts", num, token.symbol, token.decimals)
    if num in world.contracts and world.contracts[num].symbol:
        contract = world.contracts[num]
        return Asset("erc20", num, contract.symbol, contract.decimals)
    raise CannotDo(f"There is no asset {name}; there are HBAR, USDC, USDT, AUDD, {', '.join(NICKNAMES)} and ids", 404)


def units(asset: Asset, amount: str) -> int:
    """Return an amount such as 12.5 in the asset's smallest unit.

    :raises CannotDo: when it is no number above zero, or finer than the asset
    """
    text = amount.strip().replace(",", "")
    if not _NUMBER.fullmatch(text):
        raise CannotDo(f"amount must be a number such as 12.5, not {amount}")
    try:
        scaled = Decimal(text).scaleb(asset.decimals)
    except InvalidOperation:
        raise CannotDo(f"amount: {amount} is too large") from None
    if scaled != scaled.to_integral_value() or not 0 < scaled < 2**63:
        raise CannotDo(f"amount must be above zero, with at most {asset.decimals} decimals")
    return int(scaled)


def written(asset: Asset, smallest: int) -> str:
    """Return smallest units as people read them, such as 1,012.5."""
    text = format(Decimal(smallest).scaleb(-asset.decimals), ",f")
    return text.rstrip("0").rstrip(".") if "." in text else text
