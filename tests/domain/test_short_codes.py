"""Short codes: one alphabet, forgiving to hands, strict to everything else."""

from __future__ import annotations

import pytest

from provvypay.domain.short_codes import ALPHABET, LENGTH, normalize
from provvypay.services.short_codes import make


@pytest.mark.parametrize("typed", ["7k4m9qxd", " 7K4M 9QXD ", "7K4M-9QXD", '"7K4M9QXD"', "7K4M9QXD"])
def test_a_code_typed_by_hand_is_understood(typed: str) -> None:
    assert normalize(typed) == "7K4M9QXD"


@pytest.mark.parametrize(
    "typed", ["", "7K4M9QX", "7K4M9QXDD", "7K4M9QX0", "7K4M9QXA", "7K4M9QXD\n;", "７K4M9QXD", "..", "%00"]
)
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert normalize(typed) is None


def test_made_codes_are_of_the_alphabet_and_differ() -> None:
    codes = {make() for _ in range(2000)}

    assert len(codes) == 2000
    assert all(normalize(code) == code and len(code) == LENGTH for code in codes)
    assert not set("AEIOU01LSZ") & set(ALPHABET)
