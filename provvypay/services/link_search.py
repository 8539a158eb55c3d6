"""Find links by what people type: the beginnings of words, amounts, and codes however they are spelled.

The words stand in a table of their own, under an index that only the look-up find_links() may use (0022 says why). A
search without hits reads that index alone. One with very many hits is no list of ids but a condition, met soon by
whoever walks through the links in their order.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from provvypay.domain import short_codes
from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.money import AmountRefused, parse_amount

LENGTH = 100
MOST_TERMS = 8
MOST_FOUND = 2000

_CODE_PART = re.compile(f"[{short_codes.ALPHABET}]{{3,{short_codes.LENGTH}}}")
_LOOKS_LIKE_AMOUNT = re.compile(r"[0-9][0-9,.]{0,19}")

_WORDS = text(
    "SELECT link_words(term) AS words FROM unnest(CAST(:terms AS text[])) WITH ORDINALITY AS t (term, n) ORDER BY n"
)
_FIND = text("SELECT find_links(:sought, :most) AS ids")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search comes to: the links it found, or, when they are many, the condition they meet."""

    ids: list[uuid.UUID] | None
    """None when there are more than MOST_FOUND"""
    sought: str
    """a tsquery"""


def searchable(query: str) -> str:
    """Return what of a typed search can be looked for: one line, no control characters, of sensible length."""
    return " ".join("".join(char if char.isprintable() else " " for char in query).split())[:LENGTH]


def find(session: Session, organization_id: uuid.UUID, query: str) -> Found | None:
    """Look for links of the transaction's organization; every word typed must begin a word of theirs.

    :returns: None for a search without anything to look for
    """
    typed = searchable(query)
    if not typed:
        return None
    terms = typed.split()[:MOST_TERMS]
    own = organization_id.hex[-12:]
    by_term = [row.words for row in session.execute(_WORDS, {"terms": terms})]
    parts = [_term(own, term, words) for term, words in zip(terms, by_term, strict=True)]
    wanted = " & ".join(f"({part})" for part in parts if part)
    # A code may be typed with the blanks and hyphens people put between letters.
    code = re.sub(r"[\s-]", "", typed).upper()
    if _CODE_PART.fullmatch(code):
        wanted = " | ".join(filter(None, (wanted, _begins(own, code.lower()))))
    if not wanted:
        # Nothing but signs: no word has them.
        return Found([], "")
    ids = session.execute(_FIND, {"sought": wanted, "most": MOST_FOUND}).scalar_one()
    return Found(ids, wanted)


def _term(own: str, term: str, words: list[str]) -> str:
    """Return the tsquery of one typed term: its words begin words of the link, or it is the amount or the currency."""
    asked = [" & ".join(_begins(own, word) for word in words)] if words else []
    exact = _amounts(term) if _LOOKS_LIKE_AMOUNT.fullmatch(term) else []
    if term.upper() in CURRENCIES:
        exact.append(term.lower())
    return " | ".join(asked + [f"'{own}={one}'" for one in exact])


def _begins(own: str, word: str) -> str:
    # Letters and figures only, so nothing in it has to be escaped.
    return f"'{own}{word}':*"


def _amounts(term: str) -> list[str]:
    """Return what a typed amount is in each currency, as the index spells it."""
    found = []
    for code, currency in CURRENCIES.items():
        try:
            found.append(f"{parse_amount(term, currency)}{code.lower()}")
        except AmountRefused:
            continue
    return found
