"""Which tokens the product takes on each Hedera network: their ids, kinds and what the mirror node must say of them.

Anybody may issue a token called USDC; the id decides, never symbol or name. Ids were read in Hedera's documentation
and on the issuers' pages in November 2026; before going live, compare them with the issuers' own pages of that day.
USDT on mainnet is USDT0, Tether's own; the bridged USDT[hts] 0.0.1055472 is somebody's IOU and none of ours. AUDD on
mainnet is an ERC-20 contract. Nobody has issued USDT or AUDD on testnet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provvypay.domain import hedera_ids as ids
from provvypay.domain.assets import ASSETS
from provvypay.domain.hedera_records import ContractState, TokenState

NATIVE, HTS, ERC20 = "native", "hts", "erc20"
HBAR = "HBAR"
"""the asset, and what stands for its id"""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One token on one network, as it must be."""

    asset: str
    kind: str
    """native, hts (of Hedera's token service) or erc20 (a contract)"""
    entity_id: str
    symbols: tuple[str, ...]
    """any of them is right; the first is shown"""
    evm_address: str | None = None
    """of a contract, if we know it beforehand"""

    @property
    def decimals(self) -> int:
        """Return what all of its kind count in; another number would be another token."""
        return ASSETS[self.asset].decimals


_HBAR = RegistryEntry(HBAR, NATIVE, HBAR, ("HBAR",))

PROFILES: dict[str, tuple[RegistryEntry, ...]] = {
    "mainnet": (
        _HBAR,
        RegistryEntry("USDC", HTS, "0.0.456858", ("USDC",)),
        RegistryEntry("USDT", HTS, "0.0.10282787", ("USDT0", "USD₮0", "USDT")),
        RegistryEntry("AUDD", ERC20, "0.0.8317070", ("AUDD",), "0x39ceba2b467fa987546000eb5d1373acf1f3a2e1"),
    ),
    "testnet": (_HBAR, RegistryEntry("USDC", HTS, "0.0.429274", ("USDC",))),
    "previewnet": (_HBAR,),
}

_CONFIGURED = re.compile(r"([A-Z]{4})=(hts|erc20):(\d+\.\d+\.\d+)(?::(\S+))?")


def registry(network: str, configured: str | None = None) -> tuple[RegistryEntry, ...]:
    """Return the tokens of a network, in the order they are offered in.

    :param configured: HEDERA_ASSETS: `USDC=hts:0.0.429274 AUDD=erc20:0.0.8317070`, a symbol to expect may follow after
        a colon (several: parted by `|`). A token named there has these ids alone; the others keep the built-in ones
    :raises ValueError: for an unknown token, an id that is none, or one id twice
    """
    chosen: dict[str, list[RegistryEntry]] = {}
    for part in re.split(r"[\s,]+", (configured or "").strip()):
        if not part:
            continue
        found = _CONFIGURED.fullmatch(part)
        if found is None or found[1] not in ASSETS or found[1] == HBAR:
            raise ValueError(f"HEDERA_ASSETS: {part} is no token of ours")
        symbols = tuple(found[4].split("|")) if found[4] else (found[1],)
        chosen.setdefault(found[1], []).append(RegistryEntry(found[1], found[2], ids.account_id(found[3]), symbols))
    for entry in PROFILES[network]:
        if entry.asset not in chosen:
            chosen[entry.asset] = [entry]
    entries = tuple(entry for asset in ASSETS for entry in chosen.get(asset, ()))
    if len({entry.entity_id for entry in entries}) < len(entries):
        raise ValueError("HEDERA_ASSETS names one id twice")
    return entries


def what_differs(entry: RegistryEntry, found: TokenState | ContractState | None) -> str:
    """Say in words how a token is not as it must be; empty when it is.

    :param found: what the mirror node says of it; None when it knows no such thing. A contract may not say its symbol
        and decimals; then they are not compared
    """
    thing = "contract" if entry.kind == ERC20 else "token"
    if found is None:
        return f"There is no {thing} {entry.entity_id} on this network."
    differs: list[str] = []
    if isinstance(found, ContractState):
        differs += [f"its id is {found.contract_id}"] * (found.contract_id != entry.entity_id)
        if entry.evm_address and found.evm_address != entry.evm_address:
            differs.append(f"its address is {found.evm_address}, not {entry.evm_address}")
    else:
        differs += [f"its id is {found.token_id}"] * (found.token_id != entry.entity_id)
    if found.symbol is not None and found.symbol not in entry.symbols:
        differs.append(f"its symbol is {found.symbol}, not {' or '.join(entry.symbols)}")
    if found.decimals is not None and found.decimals != entry.decimals:
        differs.append(f"it has {found.decimals} decimals, not {entry.decimals}")
    if isinstance(found, TokenState):
        if found.type != "FUNGIBLE_COMMON":
            differs.append(f"its type is {found.type}")
        differs += ["it is paused"] * found.paused
    differs += ["it was deleted"] * found.deleted
    return f"{entry.asset} {entry.entity_id}: {', '.join(differs)}." if differs else ""


def what_was_not_compared(found: TokenState | ContractState | None) -> str:
    """Say in words what nobody told us of a token; empty when everything was compared."""
    if isinstance(found, ContractState) and None in {found.symbol, found.decimals}:
        return "The contract did not say its symbol and decimals; only its id was compared."
    return ""
