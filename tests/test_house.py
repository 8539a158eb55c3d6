"""The rules of the house that import contracts cannot express. Each is shown to go red on a bad snippet."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.house import fragments, rules
from tests.house.rules import Rule
from tests.house.source import ROOT, Source, python_files

PRODUCT = ("provvypay", "worker.py")
BOOKS = ("provvypay/domain", "provvypay/services", "provvypay/models")
WIRING = {
    "provvypay/__main__.py": "prepares the environment before there are settings",
    "provvypay/launcher/": "makes the environment of the processes it starts",
}

RULES = (
    Rule(
        "only kit/db begins, commits or rolls back",
        PRODUCT,
        rules.ends_transactions,
        bad=(
            "def f(session):\n    session.commit()",
            "def f(session):\n    session.rollback()",
            "engine = sqlalchemy.create_engine('postgresql://')",
        ),
        good="def f(session):\n    session.execute(x)\n    on_commit(session, g)",
        excepted={"provvypay/kit/db.py": "the one place"},
    ),
    Rule(
        "only kit/settings reads the environment",
        PRODUCT,
        rules.reads_environment,
        bad=("import os\nx = os.environ['X']", "import os\nx = os.getenv('X')", "from os import environ"),
        good="import os\nx = os.path.join('a', 'b')",
        excepted={"provvypay/kit/settings.py": "the one place", **WIRING},
    ),
    Rule(
        "a status event is inserted by advance() and by settle()",
        PRODUCT,
        rules.inserts_status_events,
        bad=(
            "session.execute(insert(LinkStatusEvent).values(x=1))",
            "session.add(LinkStatusEvent(x=1))",
            "_X = text('INSERT INTO link_status_events (x) VALUES (1)')",
        ),
        good="session.execute(select(LinkStatusEvent.seq))",
        excepted={
            "provvypay/services/payment_links.py:advance:": "every step but a settlement's",
            "provvypay/services/settlement_rows.py::": "its one statement writes the step too",
        },
    ),
    Rule(
        "journals are written in one place, which knows what is closed",
        PRODUCT,
        rules.inserts_journals,
        bad=(
            "session.execute(insert(Journal).values(x=1))",
            "session.add(LedgerEntry(x=1))",
            "_X = text('INSERT INTO journals (x) VALUES (1)')",
        ),
        good="session.execute(select(Journal.id))",
        excepted={"provvypay/services/ledger/journals.py::": "this is the place"},
    ),
    Rule(
        "no float comes near money",
        BOOKS,
        rules.uses_floats,
        bad=("x = 0.1", "x = float(y)", "def f(amount: float): ...", "x = amount_minor / 100"),
        good="x = Decimal(amount_minor).scaleb(-2)\ny = amount_minor // 100\nz = folder / 'name'",
        excepted={
            "provvypay/domain/rate_rules.py:ratio_apart:": "divides two decimals",
            "provvypay/domain/rate_rules.py:crossed:": "divides two decimals",
            "provvypay/services/xero/documents.py:reference:": "divides two decimals",
            "provvypay/services/state_machine.py:retry_wait:": "jitter of a waiting time",
            "provvypay/services/inbox.py:fail:": "seconds of a waiting time",
            "provvypay/services/outbox.py:fail:": "seconds of a waiting time",
        },
    ),
    Rule(
        "a number of money says its unit",
        BOOKS,
        rules.hides_a_unit,
        bad=("amount: Mapped[Minor]", "fee: int", "total_value: int | None = None"),
        good="amount_minor: Mapped[Minor]\nasset_amount: int\nattempts: int",
        excepted={
            "provvypay/services/ledger/reads.py:: debit_total": "minor units of its group's currency; the page's word",
            "provvypay/services/ledger/reads.py:: credit_total": "minor units of its group's currency; the page's word",
        },
    ),
    Rule(
        "only kit/clock knows what time it is",
        PRODUCT,
        rules.asks_another_clock,
        bad=("x = dt.datetime.now()", "x = datetime.utcnow()", "x = dt.date.today()", "x = time.time()"),
        good="started = time.monotonic()\nx = clock.now()",
        excepted={
            "provvypay/kit/clock.py": "the one place",
            "provvypay/kit/ids.py:uuid7:": "the milliseconds in front of an id order rows, they date nothing",
            "provvypay/flows/doorbell.py:ring_inbox:": "makes one ring differ from another",
            "provvypay/jobs/clock.py:tick:": "makes one ring differ from another",
            "provvypay/web/poll_door.py:_nothing_new:": "the pace of a poll, in whole seconds, where every step counts",
            "provvypay/sandbox/": "has a clock of its own, which tests set",
        },
    ),
    Rule(
        "only the door-bell and the clock ring",
        PRODUCT,
        rules.rings,
        bad=("queue.ring('default', 'x', job_id='y')", "q.enqueue(f)"),
        good="doorbell.outbox_after_commit(session)",
        excepted={
            "provvypay/flows/doorbell.py": "after the commit, by on_commit()",
            "provvypay/jobs/clock.py:tick:": "after it has claimed what is due",
            "provvypay/kit/queue.py:ring:": "what the others call",
            "provvypay/sandbox/": "has a queue of its own, for the webhooks it sends",
        },
    ),
    Rule(
        "no text is declared to be markup",
        PRODUCT,
        rules.marks_up,
        bad=("x = Markup(title)",),
        good="x = escape(title)",
        excepted={"provvypay/web/qr.py:inline:": "a drawing of squares, with no text of anybody in it"},
    ),
    Rule(
        "nothing is left for later",
        ("provvypay", "worker.py", "migrations", "scripts", "tests"),
        rules.says_later,
        bad=("x = 1  # TODO: finish", "def test_x():\n    assert True"),
        good="x = 1  # why it is one",
        excepted={
            "tests/house/rules.py": "names what it seeks",
            "tests/test_house.py": "names what it seeks",
        },
    ),
    Rule(
        "files and functions are short",
        PRODUCT,
        rules.is_long,
        bad=("x = 1\n" * 301, "def f():\n" + "    x = 1\n" * 51),
        good="def f():\n" + "    x = 1\n" * 40,
        excepted={
            "provvypay/sandbox/stripe/objects.py:checkout_session:": "one JSON object, as it stands on the wire",
            "provvypay/sandbox/stripe/payment_objects.py:payment_intent:": "one JSON object, as it stands on the wire",
            "provvypay/sandbox/stripe/payment_objects.py:charge:": "one JSON object, as it stands on the wire",
            "provvypay/sandbox/stripe/payments.py:_charge_card:": "what may become of a charge, in Stripe’s order",
            "provvypay/kit/settings.py:load:": "every setting, one after the other",
            "provvypay/integrations/stripe.py::": "one vendor, one module: its questions, answers and errors together",
            "provvypay/services/checkout.py::": "attempts and their sessions, which are locked and read together",
            "provvypay/services/payment_links.py:create:": "one insert with its columns spelled out",
            "provvypay/services/ledger/postings.py:processor_fee:": "the three journals of one fact, side by side",
        },
    ),
    Rule(
        "an __init__ is empty",
        PRODUCT,
        rules.is_not_empty,
        bad=("from provvypay import app",),
        good="",
    ),
)
UNSAFE_MARKUP = Rule(
    "templates need no more than the content policy allows",
    (),
    rules.is_unsafe,
    bad=(
        "<script>x()</script>",
        "<style>p{}</style>",
        '<p style="color:red">',
        '<a hx-on:click="x()">',
        '<a onclick="x()">',
        "<a hx-vals='js:{x: 1}'>",
        '<a href="javascript:x()">',
        "{{ title|safe }}",
        '<a hx-trigger="click[ctrlKey]">',
    ),
    good='<script src="/x.js" defer></script>{# style="no" #}<p class="style">{{ ui.time(at, style="short") }}</p>',
)

# --- Python ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_the_code_keeps_the_rule(rule: Rule):
    assert [broken for source in python_files(*rule.places) for broken in rule.broken(source)] == []


@pytest.mark.parametrize("rule", [*RULES, UNSAFE_MARKUP], ids=lambda rule: rule.says)
def test_the_rule_goes_red_and_stays_green(rule: Rule):
    for snippet in rule.bad:
        assert rule.broken(Source("provvypay/services/__init__.py", snippet)), f"not noticed: {snippet[:60]}"
    assert rule.broken(Source("provvypay/services/__init__.py", rule.good)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_every_exception_is_still_needed(rule: Rule):
    hits = [found for source in python_files(*rule.places) for found in rule.finder(source)]

    assert [place for place in rule.excepted if not any(found.startswith(place) for found in hits)] == []


# --- templates -------------------------------------------------------------------------------------------------------


def templates() -> list[Path]:
    return sorted((ROOT / "provvypay").glob("**/templates/**/*.html"))


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.relative_to(ROOT / "provvypay").as_posix())
def test_a_template_needs_no_more_than_the_content_policy_allows(path: Path):
    source = Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))

    assert UNSAFE_MARKUP.broken(source) == []


def test_every_fragment_is_a_block_with_one_root_of_its_name():
    named = {pair for source in python_files("provvypay/blueprints", "provvypay/web") for pair in fragments_of(source)}
    found = []
    for template, block in sorted(named):
        path = ROOT / "provvypay/templates" / template
        wrong = fragments.faults(path.read_text(encoding="utf-8"), block) if path.exists() else ["no such template"]
        found += [f"{template}, block {block}: {fault}" for fault in wrong]

    assert named, "no view names a fragment"
    assert found == []


def fragments_of(source: Source) -> set[tuple[str, str]]:
    return set(rules.fragments_named(source))


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ('{% block b %}<p id="b">{{ x }}</p>{% endblock %}', None),
        ('{% block a %}{% block b %}<p id="b"{% if x %} hx-get="y"{% endif %}>x</p>{% endblock %}{% endblock %}', None),
        ('{% block a %}<p id="a"></p>{% endblock %}', "no block"),
        ('{% block b %}<p id="c"></p>{% endblock %}', "id 'c'"),
        ('{% block b %}<p id="b"></p><p></p>{% endblock %}', "2 roots"),
        ('{% block b %}words <p id="b"></p>{% endblock %}', "2 roots"),
        ('{% for x in y %}{% block b %}<p id="b"></p>{% endblock %}{% endfor %}', "inside"),
        ('{% if x %}{% block b %}<p id="b"></p>{% endblock %}{% endif %}', "inside"),
    ],
)
def test_a_bad_fragment_is_noticed(template: str, fault: str | None):
    found = fragments.faults(template, "b")

    assert (fault is None and found == []) or (fault is not None and any(fault in one for one in found))


def test_fragments_are_read_from_views():
    source = Source("x.py", "render('a/b.html', fragments=('one', 'two'), also=('three',))\nrender('c.html')")

    assert fragments_of(source) == {("a/b.html", "one"), ("a/b.html", "two"), ("a/b.html", "three")}


# --- the repository --------------------------------------------------------------------------------------------------

# Written so that this file does not hold what it seeks.
FORBIDDEN = {
    "a folder of one machine": r"(?<![\w.])/(w[o]rk|r[o]ot|h[o]me|Users)/[a-z]",
    "a sibling folder": r"\.\./sh[a]red",
}


def forbidden_in(path: str, text: str) -> list[str]:
    """Return what a committed file must not name."""
    # The one sibling that may be named: the default of where the tests look for the vendors' specifications.
    patterns = {
        what: pattern for what, pattern in FORBIDDEN.items() if "PROVVYPAY_SPECS" not in text or "sib" not in what
    }
    return [f"{path}: {what}" for what, pattern in patterns.items() if re.search(pattern, text)]


def test_no_file_names_a_folder_outside_the_repository():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in filter(None, listed.stdout.split("\0"))]
    texts = {path: path.read_text(encoding="utf-8") for path in paths if path.is_file() and path.suffix != ".png"}

    assert [found for path, text in texts.items() for found in forbidden_in(path.name, text)] == []


@pytest.mark.parametrize("folder", ["/{}/main", "see /{}/x", "'/{}/y'"])
def test_a_folder_of_one_machine_is_noticed(folder: str):
    for name in ("w-ork", "r-oot", "h-ome"):
        assert forbidden_in("x", folder.format(name.replace("-", "")))
    assert not forbidden_in("x", "provvypay/w-ork/x and a network/h-ome/".replace("-", ""))


def test_a_sibling_folder_is_noticed():
    named = "../sh-ared/specs".replace("-", "")

    assert forbidden_in("x", f"see {named}")
    assert not forbidden_in("x", f"PROVVYPAY_SPECS, default {named}")
