"""The registry of tokens, and what of a token or an account keeps it from being offered, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provvypay.domain.hedera_assets import PROFILES, RegistryEntry, registry, what_differs, what_was_not_compared
from provvypay.domain.hedera_checks import Facts, Verdict, can_receive, judge, read, stored
from provvypay.domain.hedera_records import (
    AccountState,
    AccountToken,
    ContractState,
    FixedFee,
    FractionalFee,
    TokenState,
)

USDC = TokenState(
    "0.0.456858", "USDC", "USD Coin", 6, "FUNGIBLE_COMMON", "0.0.900", deleted=False, paused=False, has_freeze_key=True,
    has_kyc_key=False, freeze_default=False, fixed_fees=(), fractional_fees=(),
)  # fmt: skip
ACCOUNT = AccountState(
    "0.0.1001", None, deleted=False, receiver_sig_required=False, max_automatic_token_associations=0, balance_units=5
)
HELD = AccountToken("0.0.456858", 0, 6, automatic=False, freeze_status="UNFROZEN", kyc_status="NOT_APPLICABLE")
ENTRIES = PROFILES["mainnet"]
ENTRY = next(entry for entry in ENTRIES if entry.asset == "USDC")


def test_mainnet_has_all_four_and_audd_is_a_contract():
    found = {entry.asset: (entry.kind, entry.entity_id) for entry in registry("mainnet")}

    assert found == {
        "HBAR": ("native", "HBAR"),
        "USDC": ("hts", "0.0.456858"),
        "USDT": ("hts", "0.0.10282787"),
        "AUDD": ("erc20", "0.0.8317070"),
    }


def test_a_setting_replaces_a_tokens_ids_and_leaves_the_others():
    found = registry("testnet", "USDT=hts:0.0.5:USDT0|USDT, AUDD=erc20:0.0.7 AUDD=hts:0.0.8")

    assert [(entry.asset, entry.entity_id) for entry in found] == [
        ("HBAR", "HBAR"), ("USDC", "0.0.429274"), ("USDT", "0.0.5"), ("AUDD", "0.0.7"), ("AUDD", "0.0.8"),
    ]  # fmt: skip
    assert found[2].symbols == ("USDT0", "USDT")


@pytest.mark.parametrize(
    "wrong",
    ["EURC=hts:0.0.5", "HBAR=hts:0.0.5", "USDC", "USDC=hts:0.0.0", "USDC=hts:0.0.5 USDT=hts:0.0.5"],
)
def test_a_setting_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"HEDERA_ASSETS|no account"):
        registry("testnet", wrong)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"symbol": "USDС"}, "its symbol is USDС, not USDC"),  # a Cyrillic letter
        ({"decimals": 8}, "it has 8 decimals, not 6"),
        ({"type": "NON_FUNGIBLE_UNIQUE"}, "its type is NON_FUNGIBLE_UNIQUE"),
        ({"paused": True}, "it is paused"),
        ({"deleted": True}, "it was deleted"),
        ({"token_id": "0.0.1"}, "its id is 0.0.1"),
        ({"symbol": "X", "decimals": 0}, "its symbol is X, not USDC, it has 0 decimals, not 6"),
    ],
)
def test_case_65_what_differs_of_a_token_is_said(change, said):
    found = what_differs(ENTRY, replace(USDC, **change))

    assert found == (f"USDC 0.0.456858: {said}." if said else "")


def test_a_token_nobody_knows_and_a_contract_elsewhere_differ_too():
    audd = next(entry for entry in ENTRIES if entry.asset == "AUDD")

    assert "no token 0.0.456858" in what_differs(ENTRY, None)
    assert "no contract 0.0.8317070" in what_differs(audd, None)
    assert what_differs(audd, ContractState("0.0.8317070", audd.evm_address, deleted=False)) == ""
    said = ContractState("0.0.8317070", audd.evm_address, deleted=False, symbol="AUDD", decimals=18)
    assert what_differs(audd, said) == "AUDD 0.0.8317070: it has 18 decimals, not 6."
    assert what_was_not_compared(said) == ""
    assert "only its id was compared" in what_was_not_compared(replace(said, decimals=None))
    assert "address is 0x" in what_differs(audd, ContractState("0.0.8317070", "0x" + "1" * 40, deleted=False))


def verdict(account=ACCOUNT, held=HELD, token=USDC, entry: RegistryEntry = ENTRY):
    facts = Facts(account, (held,) if held else (), {entry.entity_id: token})
    return judge("0.0.1001", facts, [entry])[-1]


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (None, "no account 0.0.1001"),
        (replace(ACCOUNT, deleted=True), "was deleted"),
        (replace(ACCOUNT, receiver_sig_required=True), "must sign everything it receives"),
    ],
)
def test_an_account_that_cannot_receive_is_not_asked_about_tokens(account, said):
    (only,) = judge("0.0.1001", Facts(account), ENTRIES)

    assert (only.subject, only.verdict) == ("account", Verdict.FAILED)
    assert said in only.sentence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": None}, "There is no token"),
        ({"token": replace(USDC, deleted=True)}, "was deleted"),
        ({"token": replace(USDC, paused=True)}, "has paused USDC"),
        ({"token": replace(USDC, treasury="0.0.1001")}, "is the treasury"),
        ({"held": None}, "not associated with USDC. Associate token 0.0.456858"),
        ({"held": replace(HELD, freeze_status="FROZEN")}, "has frozen this account"),
        ({"held": replace(HELD, kyc_status="REVOKED")}, "has not granted this account KYC"),
    ],
)
def test_what_keeps_an_account_from_receiving_a_token_is_said(change, said):
    found = verdict(**change)

    assert found.verdict is Verdict.FAILED
    assert said in found.sentence


@pytest.mark.parametrize(("slots", "automatic", "passes"), [(0, 0, False), (-1, 9, True), (1, 1, False), (2, 1, True)])
def test_a_free_slot_is_as_good_as_an_association(slots, automatic, passes):
    account = replace(ACCOUNT, max_automatic_token_associations=slots)
    others = tuple(replace(HELD, token_id=f"0.0.{number}", automatic=True) for number in range(1, automatic + 1))

    found = judge("0.0.1001", Facts(account, others, {ENTRY.entity_id: USDC}), [ENTRY])[-1]
    with_kyc = judge("0.0.1001", Facts(account, others, {ENTRY.entity_id: replace(USDC, has_kyc_key=True)}), [ENTRY])[
        -1
    ]

    assert (found.verdict is Verdict.OK) is passes
    assert with_kyc.verdict is Verdict.FAILED, "a slot does not help where the issuer must act first"


def test_hbar_and_contracts_ask_for_no_association():
    found = judge("0.0.1001", Facts(ACCOUNT, (), {"0.0.456858": USDC, "0.0.10282787": None}), ENTRIES)

    assert {one.title: one.verdict.value for one in found[1:]} == {
        "HBAR": "OK", "USDC": "FAILED", "USDT": "FAILED", "AUDD": "OK",
    }  # fmt: skip


def test_case_55_custom_fees_are_shown_before_anybody_pays():
    fees = (
        FractionalFee(1, 100, 0, None, net_of_transfers=False),
        FractionalFee(1, 200, 0, None, net_of_transfers=True),
    )
    fixed = (FixedFee(50_000_000, None), FixedFee(1_500_000, "0.0.456858"), FixedFee(1, "0.0.7"))

    found = verdict(token=replace(USDC, fractional_fees=fees, fixed_fees=fixed))

    assert found.verdict is Verdict.WARN
    for said in (
        "keeps 1 % of each payment",
        "0.5 % on top",
        "0.5 HBAR on each",
        "1.5 USDC on each",
        "in another token",
    ):
        assert said in found.sentence


def test_checks_are_kept_and_read_back_and_decide_what_is_offered():
    checks = judge("0.0.1001", Facts(ACCOUNT, (HELD,), {"0.0.456858": USDC}), ENTRIES)
    kept = stored(checks)

    assert read(kept) == checks
    assert can_receive(kept, "0.0.456858")
    assert not can_receive(kept, "0.0.10282787")
    assert not can_receive({}, "HBAR"), "what was never checked does not pass"
    assert not can_receive(kept | {"account": kept["account"] | {"verdict": "FAILED"}}, "HBAR")
    assert read({"account": {"verdict": "NEW"}, "HBAR": "odd"}) == ()
