"""The reference pages say what the code says: each table is compared with its source."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re

import provvypay
from provvypay.domain.assets import ASSETS
from provvypay.domain.roles import PERMISSIONS, Permission, Role
from provvypay.errors import ProvvypayError
from provvypay.flows import deliver
from provvypay.flows.stripe_webhook import ACTED_ON
from provvypay.integrations import stripe
from provvypay.jobs import scheduled
from provvypay.kit import settings as settings_module
from provvypay.services import disputes, refund_facts, return_lines, tell
from provvypay.services.corrections import decide
from provvypay.services.corrections import requests as corrections
from provvypay.services.ledger.chart import CHART
from provvypay.services.state_machine import TRANSITIONS
from provvypay.web import security
from tests.house import documents
from tests.house.routes import routes
from tests.house.source import ROOT, Source, calls, python_files, strings, text_of

PRODUCT = tuple(
    f"provvypay/{room}"
    for room in "app.py blueprints domain errors.py flows integrations jobs kit models services web".split()
)
DOTTED = re.compile(r"[a-z_]+\.[a-z_]+")
REQUIRED = {
    "DATABASE_URL": "postgresql://web@127.0.0.1/provvypay",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SECRET_KEY": "x" * 32,
    "PUBLIC_BASE_URL": "https://pay.example",
}


def test_settings_are_all_described_with_their_defaults():
    plain = settings_module.load(REQUIRED)

    rows = {
        name: (field, default) for name, field, default, _ in documents.table(documents.read("reference/settings.md"))
    }

    for name, field, default in settings_of_class():
        value = getattr(plain, field)
        if name in REQUIRED:
            shown = "required"
        elif value == plain.database_url:
            shown = "DATABASE_URL"
        elif isinstance(value, bool):
            shown = "1" if value else "0"
        elif isinstance(value, tuple):
            shown = ",".join(value)
        else:
            shown = str(value) if value else "off" if value in {None, ""} else "0"
        assert rows.pop(name, None) == (field, shown), f"{name} ({default})"
    assert rows == {}


def settings_of_class() -> list[tuple[str, str, str]]:
    """Return (environment name, field, what its line says) of every field of Settings."""
    text = python_files("provvypay/kit/settings.py")[0].text
    return [
        (name, field, said)
        for field, name, said in re.findall(r'^    (\w+): [^\n]+\n    """([A-Z_]+)(.*?)"""', text, flags=re.MULTILINE)
    ]


def test_names_of_the_environment_stand_in_the_reference_and_in_the_example():
    settings_source = python_files("provvypay/kit/settings.py")[0]
    read = {
        name
        for called, call in calls(settings_source.tree)
        if (called.startswith("reader.") and called != "reader.refuse") or called == "environ.get"
        if (name := text_of(call.args[0]))
    }
    example = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    described = set(re.findall(r"`([A-Z][A-Z_]+)`", documents.read("reference/settings.md")))

    assert len(read) == len(settings_of_class()) + 1, "PROVVYPAY_ALLOW_SANDBOX is the only one without a field"
    assert read - example == set()
    assert (read | example) - described == set()


def test_routes_are_those_of_the_application(app):
    rows = documents.table(documents.read("reference/routes.md"))

    assert {row[:4] for row in rows} == routes(app)


def test_headers_are_those_of_every_answer():
    page = documents.read("reference/headers.md")
    header, policy = (dict(row[:2] for row in rows[1:]) for rows in list(documents.tables(page))[:2])

    assert {name: value for name, value in header.items() if name in security._ALWAYS} == security._ALWAYS
    assert {name: value.partition("; ")[0].strip("`") for name, value in policy.items()} == dict(
        part.split(" ", 1) for part in security.content_policy().split("; ")
    )
    assert f"`{security._BARE_POLICY}`" in page.replace("\n", " ")


def test_the_webhook_is_set_up_with_our_version_and_with_events_we_act_on():
    text = (ROOT / "docs/how-to/deploy.md").read_text(encoding="utf-8")
    wanted = set(re.findall(r"enabled_events\[\]=([a-z_.]+)", text))

    assert f"api_version={stripe.API_VERSION} " in text
    assert wanted
    assert all(event.startswith(ACTED_ON) for event in wanted)


def test_states_show_every_legal_step_and_no_other():
    rows = documents.table(documents.section(documents.read("reference/states.md"), "Steps"))

    assert [row[:3] for row in rows] != []
    assert {row[:3] for row in rows} == {(step.source, step.target, step.event) for step in TRANSITIONS}
    assert len(rows) == len(TRANSITIONS)


def test_other_states_are_those_that_postgresql_accepts():
    migrations = sorted((ROOT / "migrations/sql").glob("*.sql"))
    tables_sql = "".join(one.read_text(encoding="utf-8") for one in migrations)
    names = {
        "payments": "payments",
        "payment exceptions": "payment_exceptions",
        "decisions about them": "payment_resolutions",
        "corrections that wait": "correction_requests",
        "Hedera transfers": "hedera_transfers",
        "Hedera accounts": "hedera_accounts",
        "Hedera assets": "hedera_assets",
        "transfer claims": "transfer_claims",
        "payment attempts": "payment_attempts",
        "Checkout Sessions": "checkout_sessions",
        "refunds": "refunds",
        "disputes": "disputes",
        "FX snapshots": "fx_snapshots",
        "inbox": "inbox",
        "Xero sync rows": "xero_syncs",
        "Xero grants": "xero_grants",
        "Xero connections": "xero_connections",
        "e-mail deliveries": "email_deliveries",
    }

    rows = documents.table(documents.section(documents.read("reference/states.md"), "Other states"))

    assert {row[0] for row in rows} == set(names)
    for of, column, states in rows:
        known = re.findall(rf"ck_{names[of]}_{column}_known CHECK \({column} IN \((.*?)\)\)", tables_sql, re.DOTALL)
        assert known, f"{of}.{column}"
        assert re.findall(r"\w+", states) == re.findall(r"\w+", known[-1]), f"{of}.{column}"


def test_chart_of_accounts_is_the_code_s():
    rows = documents.table(documents.read("reference/chart-of-accounts.md"))

    assert [row[:3] for row in rows] == [(account.code, account.name, account.kind) for account in CHART]


def test_accounts_marked_as_posted_to_are_those_postings_use():
    rooms = python_files("provvypay/services/ledger/postings.py", "provvypay/services/ledger/returns.py")
    text = "".join(source.text for source in rooms)
    constants = dict(
        re.findall(r'^([A-Z_]+) = "(\d{4})"$', python_files("provvypay/services/ledger/chart.py")[0].text, re.MULTILINE)
    )
    # the clearing account that received the money comes with the payment
    arriving = {constants["STRIPE_CLEARING"], *(asset.account_code for asset in ASSETS.values())}
    used = {constants[name] for name in re.findall(r"chart\.([A-Z_]+)", text)} | arriving

    rows = documents.table(documents.read("reference/chart-of-accounts.md"))

    assert {row[0] for row in rows if row[4] == "yes"} == used


def test_roles_are_the_code_s():
    header, *rows = next(documents.tables(documents.read("reference/roles.md")))

    assert header[2:] == tuple(Role)
    assert {
        row[0]: {Role(role) for role, may in zip(header[2:], row[2:], strict=True) if may == "yes"} for row in rows
    } == {str(one): {role for role, those in PERMISSIONS.items() if one in those} for one in Permission}


def test_what_repeats_is_the_clock_s_table():
    rows = documents.table(documents.section(documents.read("reference/processes.md"), "What repeats"))
    plain = settings_module.load(REQUIRED)

    for name, seconds in scheduled.seconds_between(plain).items():
        shown = next(row[1] for row in rows if row[0] == name)
        assert f"{seconds} s" in shown, name
    assert {row[0] for row in rows} == set(scheduled.JOBS)


def test_errors_are_the_code_s():
    for module in pkgutil.walk_packages(provvypay.__path__, "provvypay."):
        if not module.name.startswith(("provvypay.sandbox", "provvypay.launcher", "provvypay.__main__")):
            importlib.import_module(module.name)
    classes = [ProvvypayError]
    for one in classes:
        classes += [child for child in one.__subclasses__() if child not in classes]

    own, given = (rows[1:] for rows in list(documents.tables(documents.read("reference/errors.md")))[:2])

    assert {row[:3] for row in own} == {(one.code, str(one.status), one.__name__) for one in classes}
    assert {row[:2] for row in given} == codes_given({one.__name__ for one in classes})


def codes_given(errors: set[str]) -> set[tuple[str, str]]:
    """Return (code, error) wherever an error is made with a code of its own."""
    return {
        (code, name.rpartition(".")[2])
        for source in python_files(*PRODUCT)
        for name, call in calls(source.tree)
        if name.rpartition(".")[2] in errors
        for keyword in call.keywords
        if keyword.arg == "code" and (code := text_of(keyword.value))
    }


# --- events ----------------------------------------------------------------------------------------------------------


def named_in(heading: str) -> set[str]:
    return {row[0] for row in documents.table(documents.section(documents.read("reference/events.md"), heading))}


def words(callee: str, position: int) -> set[str]:
    """Return the dotted names given as the n-th argument of a call."""
    return {
        word
        for source in python_files(*PRODUCT)
        for name, call in calls(source.tree)
        if re.fullmatch(callee, name) and len(call.args) > position
        if (word := text_of(call.args[position])) and DOTTED.fullmatch(word)
    }


def in_sql(statement: str, source: Source) -> set[str]:
    """Return the dotted names in the statements that insert into a table."""
    return set(re.findall(rf"INSERT INTO {statement}.*?'([a-z_]+\.[a-z_]+)'", source.text, flags=re.DOTALL))


def function(source: Source, name: str) -> ast.AST:
    return next(node for node in source.tree.body if isinstance(node, ast.FunctionDef) and node.name == name)


def test_steps_of_a_link_are_named():
    assert named_in("Steps of a link") == {step.event for step in TRANSITIONS}


def test_money_lines_of_the_timeline_are_named():
    settlement, checkout = python_files("provvypay/services/settlement_rows.py", "provvypay/services/checkout.py")
    turns = {text for text, _ in strings(function(checkout, "_turn")) if DOTTED.fullmatch(text)}

    assert turns
    back = {*return_lines.TOLD.values(), *refund_facts.TOLD.values(), *disputes.TOLD.values()} | words("say", 2)
    assert named_in("Money lines of a link's timeline") == words(r"timeline\.add", 3) | turns | back | in_sql(
        "payment_events", settlement
    )


def test_notifications_are_named():
    told = [
        python_files(f"provvypay/services/{name}.py")[0] for name in ("settlement_rows", "card_guard", "xero/syncs")
    ]

    back = {tell.WAITS, *disputes.TOLD.values()} | words(r"tell\.everybody", 2)
    back |= words(r"(connections\.)?tell_owners", 2)
    back |= {corrections.WAITS, *corrections.ANSWERED.values()}
    assert named_in("Notifications") == back | {kind for source in told for kind in in_sql("notifications", source)}


def test_outbox_topics_are_named_and_delivered():
    written = words(r"outbox\.add", 2) | in_sql("outbox", python_files("provvypay/services/settlement_rows.py")[0])

    assert named_in("Outbox topics") == written
    assert written == set(deliver._TOPICS)


def test_audit_actions_are_named():
    refused = {
        word
        for source in python_files(*PRODUCT)
        for _, call in calls(source.tree)
        for keyword in call.keywords
        if keyword.arg == "refused_as" and (word := text_of(keyword.value))
    }

    assert named_in("Audit actions") == words(r"(audit\.|_)record", 1) | refused | words("say", 2) | {
        *decide.AUDITED.values(),
        *words("_record", 2),
    }


def test_schedules_are_named():
    assert named_in("Schedules") == set(scheduled.JOBS)


def test_counters_are_named_with_their_kinds():
    rows = documents.table(documents.section(documents.read("reference/events.md"), "Counters"))
    counted = {
        (text_of(call.args[0]), text_of(call.args[1]))
        for source in python_files(*PRODUCT)
        for name, call in calls(source.tree)
        if name == "counters.count"
    }

    assert {(name, kind) for name, kinds, _ in rows for kind in re.findall(r"\w+", kinds)} == counted


def test_no_dotted_name_is_forgotten():
    page = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", documents.read("reference/events.md")))
    others = re.compile(r"app\.org_id|.+\.(html|json|svg|css|js)")
    forgotten = set()
    for source in python_files("provvypay/services", "provvypay/flows", "provvypay/jobs", "provvypay/blueprints"):
        if "/check_books/" in source.path:  # its names are those of invariants, on a page of their own
            continue
        spoken = {
            id(part)
            for name, call in calls(source.tree)
            if re.match(r"log\.|failpoint$|register$|url_for$|render$|Limit$", name)
            for argument in call.args
            for _, part in strings(argument)
        }
        for text, node in strings(source.tree):
            if id(node) not in spoken and DOTTED.fullmatch(text) and not others.fullmatch(text):
                forgotten |= {(source.at(node), text)} if text not in page else set()

    assert forgotten == set()
