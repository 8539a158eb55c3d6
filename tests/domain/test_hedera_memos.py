"""A memo names a link only when its bytes spell the link's code; nothing that merely looks like it does."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from provvypay.domain.hedera_memos import memo_text, named_code
from provvypay.domain.short_codes import ALPHABET

CODE = "7K4M9QXD"
CODES = st.text(ALPHABET, min_size=8, max_size=8)


@pytest.mark.parametrize("memo", ["7K4M9QXD", "7k4m9qxd", " 7K4M 9QXD ", '"7k4m9QXD"', "'7K4M9QXD'"])
def test_case_spaces_and_quotes_are_forgiven(memo: str) -> None:
    assert named_code(memo.encode()) == CODE


@pytest.mark.parametrize(
    "memo",
    [
        "", " ", "7K4M9QX", "7K4M9QXDD", "7K4M-9QXD",
        "7K4M9QXD.", "PV-7K4M9QXD", "7K4M9QXD\n", "\t7K4M9QXD", "7K4M9QXD\0",
        "7К4М9QXD",  # Cyrillic
        "７K4M9QXD",  # full width
        "7K4M\u200b9QXD", "\ufeff7K4M9QXD", "7K4M\u00a09QXD", "7K4M9QX\u0301D", "“7K4M9QXD”",
        "7K4M9QXD" + " " * 93,
    ],
)  # fmt: skip
def test_nothing_looser_is(memo: str) -> None:
    assert named_code(memo.encode()) is None


@given(st.binary(max_size=120))
def test_any_bytes_are_answered(memo: bytes) -> None:
    text, code = memo_text(memo), named_code(memo)

    assert text is None or (text.encode() == memo and "\0" not in text and len(memo) <= 100)
    if code is not None:
        assert text is not None
        assert text.isascii()


@given(CODES, st.data())
def test_a_code_survives_what_hands_do_to_it_and_nothing_else(code: str, data: st.DataObject) -> None:
    places = st.lists(st.sampled_from([" ", '"', "'"]), max_size=3).map("".join)
    written = "".join(data.draw(places) + data.draw(st.sampled_from([one, one.lower()])) for one in code)
    assert named_code(written.encode()) == code

    place = data.draw(st.integers(0, len(code)))
    foreign = data.draw(st.characters(exclude_characters=" \"'", exclude_categories=["Cs"]))
    assume(foreign.upper() not in ALPHABET or not foreign.isascii())
    assert named_code((code[:place] + foreign + code[place:]).encode()) is None
    assert named_code((code[:place] + foreign + code[place + 1 :]).encode()) is None


def test_what_is_no_text_is_none() -> None:
    assert memo_text(b"\xff\xfe") is None
    assert memo_text(b"a\0b") is None
    assert memo_text(b"\xed\xa0\x80") is None
    assert memo_text("für Rechnung 7".encode()) == "für Rechnung 7"
