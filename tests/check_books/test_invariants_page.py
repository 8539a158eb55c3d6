"""docs/reference/invariants.md lists every invariant and every check, in the checks' own words."""

from __future__ import annotations

from provvypay.services.check_books import references
from provvypay.services.check_books.run import CHECKS
from tests.house import documents

PAGE = documents.read("reference/invariants.md")


def test_every_check_stands_on_the_page():
    listed = set(next(documents.tables(documents.section(PAGE, "What is checked")))[1:])
    written = {(check.name, check.invariant, check.says) for check in CHECKS if check not in references.CHECKS}

    assert listed == written


def test_every_invariant_that_is_checked_is_explained():
    explained = [row[0] for row in next(documents.tables(documents.section(PAGE, "The invariants")))[1:]]

    assert {check.invariant for check in CHECKS} <= set(explained)
    assert explained == sorted(set(explained))
