"""The pages of the documentation: links lead somewhere, named files exist, every page can be reached."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house import documents
from tests.house.source import ROOT, python_files, strings


@pytest.mark.parametrize("page", documents.documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere_and_named_files_exist(page: Path):
    text = page.read_text(encoding="utf-8")

    for target in documents.links(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in documents.anchors(there.read_text(encoding="utf-8")), f"{page.name} links to {target}"
    for target in documents.pictures(text):
        assert (page.parent / target).exists(), f"{page.name} shows {target}"
    for name in documents.named_paths(text):
        assert list(ROOT.glob(name.rstrip("/"))), f"{page.name} names {name}"


def test_every_page_can_be_reached_from_the_readme():
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        inside = [link for link in documents.links(page.read_text(encoding="utf-8")) if "://" not in link]
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in inside if not link.startswith("#")]

    assert set(documents.documents()) - reached == set()


def test_pages_that_the_code_names_exist():
    named = {
        (source.at(node), page)
        for source in python_files("provvypay", "tests", "migrations", "scripts", "worker.py", "gunicorn.conf.py")
        for text, node in strings(source.tree)
        for page in re.findall(r"(?<![\w/.])docs/[\w/.-]+\.md", text)
    }

    assert [(place, page) for place, page in sorted(named) if not (ROOT / page).exists()] == []


def test_each_decision_has_a_number_of_its_own():
    numbers = [page.name[:4] for page in (ROOT / "docs/decisions").glob("0*.md")]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("page", sorted((ROOT / "docs/decisions").glob("0*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_sections_fits_on_a_page_and_is_listed(page: Path):
    text = page.read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    status = re.search(r"^Status: (Proposed|Accepted|Replaced by \d{4}), ", text, flags=re.MULTILINE)

    assert sections == ["Context", "Decision", "Consequences", "Alternatives", "References"]
    assert text.startswith(f"# {page.stem[:4]}. ")
    assert len(text.splitlines()) <= 70
    assert status
    listed = {row[0]: row[1] for row in documents.table(documents.read("decisions/README.md"))}
    assert next(state for record, state in listed.items() if page.name in record) == status.group(1)
