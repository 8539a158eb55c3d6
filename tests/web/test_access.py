"""ACL-00: every route and method, asked by everybody; and what belongs to others stays theirs."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from provvypay.domain.roles import Role
from provvypay.domain.statuses import LinkStatus
from provvypay.kit.db import transaction
from tests.support.corrections import asked_for
from tests.support.factories import NOISE
from tests.web.access import ACCESS, Access

_METHODS = {"HEAD", "OPTIONS"}


def routes(app) -> dict[str, list[str]]:
    """Return the methods of every rule, as `METHOD rule`."""
    return {f"{method} {rule.rule}": rule for rule in app.url_map.iter_rules() for method in rule.methods - _METHODS}


class Things:
    """What the routes are about, made when a route asks for it."""

    def __init__(self, make, observer):
        self.make = make
        self.observer = observer
        self.kept = {}

    def value(self, name: str) -> str:
        if name.startswith("fresh "):
            return self._made(name.removeprefix("fresh "))
        if name not in self.kept:
            self.kept[name] = self._made(name)
        return self.kept[name]

    def _made(self, name: str) -> str:
        organization_id = self.make.merchant.organization_id
        match name:
            case "link":
                return str(self.make.link().id)
            case "draft":
                return str(self.make.link(status=LinkStatus.DRAFT).id)
            case "short code":
                return self.make.link().short_code
            case "correction":
                return str(asked_for(self.make, self.make.link()).id)
            case "exception" | "journal":
                self.make.exception()
                table = "payment_exceptions" if name == "exception" else "journals"
                return str(
                    self.observer.sql(f"SELECT id FROM {table} WHERE organization_id = :id", id=organization_id)[0].id
                )
            case literal:
                return literal


@pytest.fixture
def things(make, observer, sandbox):
    return Things(make, observer)


def ask(client, things, route: str, access: Access) -> int:
    method, rule = route.split(" ")
    path = rule
    for name, value in access.values.items():
        for converter in ("", "uuid:", "path:"):
            path = path.replace(f"<{converter}{name}>", things.value(value))
    data = {"csrf_token": client.token()} if method == "POST" else None
    return client.open(method, path, data=data).status


def test_acl_00_every_route_says_who_may_ask(app):
    assert sorted(routes(app)) == sorted(ACCESS)


@pytest.mark.parametrize("role", list(Role))
def test_acl_00_members_get_what_their_role_allows(role, signed_in, things):
    answers = {route: ask(signed_in(role), things, route, access) for route, access in ACCESS.items()}

    assert answers == {route: access.status_of(role) for route, access in ACCESS.items()}


def test_acl_00_visitors_get_public_pages_and_are_else_asked_to_sign_in(new_client, things):
    answers = {route: ask(new_client(), things, route, access) for route, access in ACCESS.items()}

    assert answers == {route: access.visitor for route, access in ACCESS.items()}


def test_acl_00_an_owner_of_another_organization_finds_nothing_of_ours(make, signed_in, things):
    neighbour = make.organization(name="Another shop")

    answers = {route: ask(signed_in(Role.OWNER, neighbour), things, route, access) for route, access in ACCESS.items()}

    assert answers == {route: access.for_stranger for route, access in ACCESS.items()}


def test_acl_01_a_foreign_id_and_a_random_one_answer_with_the_same_page(make, signed_in, things):
    neighbour = signed_in(Role.OWNER, make.organization(name="Another shop"))

    for route, access in ACCESS.items():
        if access.stranger != 404 or not route.startswith("GET"):
            continue
        name, value = next(iter(access.values.items()))
        rule = route.removeprefix("GET ").replace(f"<uuid:{name}>", "{}")
        foreign = neighbour.open("GET", rule.format(things.value(value)))
        random = neighbour.open("GET", rule.format(uuid.uuid4()))
        assert (foreign.status, foreign.source) == (random.status, random.source), route


def test_acl_03_no_page_shows_a_word_of_a_neighbour(make, signed_in, things, observer, noise):
    make.exception()
    owner = signed_in()

    for route, access in ACCESS.items():
        if not route.startswith("GET"):
            continue
        path = route.removeprefix("GET ")
        for name, value in access.values.items():
            for converter in ("", "uuid:", "path:"):
                path = path.replace(f"<{converter}{name}>", things.value(value))
        for query in ("", "?q=NOISE", "?status=PAID"):
            assert NOISE.encode() not in owner.open("GET", path + query).response.get_data(), path + query


def test_acl_05_what_one_request_left_behind_shows_the_next_nothing(make, signed_in, product, monkeypatch):
    """A request that fails inside its transaction gives its connection back without its organization."""

    def fail(*_given, **_named):
        raise RuntimeError("in the middle of it")

    monkeypatch.setattr("provvypay.blueprints.dashboard.overview.attention", fail)
    assert signed_in().get("dashboard.show").status == 500

    with pytest.raises(DBAPIError), transaction() as session:
        session.execute(text("SELECT count(*) FROM payment_links"))


@pytest.mark.parametrize(
    "headers",
    [{"X-Org-Id": "{id}"}, {"X-Organization": "{id}"}, {"Cookie": "organization={id}"}],
    ids=lambda h: next(iter(h)),
)
def test_acl_07_nothing_in_a_request_chooses_the_organization(signed_in, make, noise, headers):
    foreign = str(noise.organization_id)
    sent = {name: value.format(id=foreign) for name, value in headers.items()}

    page = signed_in().open("GET", f"/dashboard?org={foreign}&organization_id={foreign}", headers=sent)

    assert NOISE not in page.source


def test_acl_10_a_form_of_the_organization_one_worked_in_before_is_refused(make, signed_in, rows):
    client = signed_in()
    other = make.organization(name="Second shop", owner=make.merchant.owner)
    old_form = client.get("settings.organization").form("organization_form")

    switched = client.post("auth.switch_organization", {"organization_id": str(other.organization_id)})
    refused = old_form.submit(name="Written into the wrong books")

    assert switched.location == "/dashboard"
    assert refused.status == 400
    assert "Second shop" in client.get("settings.organization").source


def test_a_refused_act_is_written_down_with_who_and_what(signed_in, make, observer):
    client = signed_in(Role.VIEWER)

    client.post("settings.change_organization")

    written = observer.sql(
        "SELECT action, actor_type, subject_id, detail, ip::text FROM audit_logs WHERE organization_id = :id"
        " AND action = 'access.refused'",
        id=make.merchant.organization_id,
    )
    assert [(row.actor_type, row.subject_id, row.detail) for row in written] == [
        ("USER", "settings.change_organization", {"permission": "settings.manage"})
    ]
    assert written[0].ip == f"{client.ip}/32"
