"""docs/reference/sandbox.md names everything there is."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from provvypay.sandbox.app import create_sandbox
from provvypay.sandbox.coingecko.state import COINS, GeckoSwitches
from provvypay.sandbox.faults import KINDS, VENDORS
from provvypay.sandbox.mirror_node.kinds import KINDS as WAYS
from provvypay.sandbox.mirror_node.manage import ACCOUNT_NAMES, TOKEN_NAMES
from provvypay.sandbox.mirror_node.orders import COMMON, OPTIONS
from provvypay.sandbox.mirror_node.state import MirrorSettings, MirrorSwitches
from provvypay.sandbox.mirror_node.wallet import NAMES as WALLET_NAMES
from provvypay.sandbox.stripe.api import ROUTES
from provvypay.sandbox.stripe.cards import BANK_FAILURES, CARDS
from provvypay.sandbox.stripe.state import API_VERSION, StripeSettings
from provvypay.sandbox.xero import api as xero_api
from provvypay.sandbox.xero.state import XeroSettings

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "sandbox.md").read_text(encoding="utf-8")


def test_every_call_of_the_control_door_is_described():
    app = create_sandbox()
    app.extensions["sandbox"].stop()
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/_control/")]
    calls = {
        f"{method} {re.sub('<[a-z_]+>', '<id>', rule.rule.removeprefix('/_control/'))}"
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if "path:" not in rule.rule
    }

    assert len(calls) > 25
    assert [call for call in sorted(calls) if f"`{call}`" not in PAGE] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_and_its_options_are_described(kind):
    assert f"`{kind}`" in PAGE
    assert [option for option in KINDS[kind] if f"`{option}`" not in PAGE] == []


def test_every_setting_switch_coin_and_card_is_described():
    names = [field.name for field in fields(StripeSettings)]
    names += [field.name.replace("frozen_at", "frozen") for field in fields(GeckoSwitches)]
    names += [field.name for described in (MirrorSwitches, MirrorSettings) for field in fields(described)]
    names += [*WAYS, *COMMON, *OPTIONS, *ACCOUNT_NAMES, *TOKEN_NAMES, *WALLET_NAMES]
    names += [field.name for field in fields(XeroSettings)]
    names += [*COINS, *VENDORS]

    assert [name for name in names if f"`{name}`" not in PAGE] == []
    assert API_VERSION in PAGE
    cards = [number for number in CARDS if number[-4:] not in PAGE]
    assert cards == [number for number in BANK_FAILURES if number not in PAGE] == []


def test_every_resource_of_stripe_is_described():
    resources = {rule.split("/<")[0] for _, rule, _ in ROUTES}

    assert [resource for resource in sorted(resources) if resource not in PAGE] == []


def test_every_resource_of_xero_is_described():
    resources = {rule.split("/{")[0] for _, rule, _ in xero_api.ROUTES}

    assert [resource for resource in sorted(resources) if resource not in PAGE] == []
