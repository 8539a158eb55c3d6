"""JSON with exact decimals."""

import json
from decimal import Decimal

import pytest

from provvypay.sandbox.jsontext import to_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.50601"), "1.50601"),
        (Decimal("1E-7"), "1e-7"),
        (Decimal("7.5E+4"), "7.5e4"),
        (Decimal(1), "1"),
        ({"a": [1, Decimal("0.10"), None, True, 'é"']}, '{"a": [1, 0.10, null, true, "\\u00e9\\""]}'),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_decimals_keep_their_digits(value, text):
    assert to_json(value) == text
    json.loads(to_json(value))


def test_indented_text_is_what_json_itself_writes():
    data = {"a": [1, {"b": "c"}], "d": {}, "e": [], "f": None}

    assert to_json(data, indent=2) == json.dumps(data, indent=2)
