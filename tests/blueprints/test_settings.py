"""Settings: the profile with its version, and the truth about ways to pay and rates."""

import pytest

from provvypay.domain.roles import Role

PROFILE = {
    "name": "Vale & Daughters",
    "legal_name": "Vale Bicycles Pty Ltd",
    "support_email": "help@vale.example",
    "time_zone": "Europe/Berlin",
}


@pytest.fixture
def form(signed_in):
    client = signed_in()
    return lambda: client.get("settings.organization").form("organization_form")


def test_the_profile_is_saved_and_shown_and_written_down(form, signed_in, make, observer):
    answer = form().submit(**PROFILE)

    assert (answer.status, answer.location) == (303, "/settings/organization")
    page = answer.browser.get("settings.organization")
    assert PROFILE.items() <= page.form("organization_form").values.items()
    assert "Saved." in page.text
    assert "Saved." not in answer.browser.get("settings.organization").text
    written = observer.sql(
        "SELECT actor_id FROM audit_logs WHERE action = 'organization.changed' AND organization_id = :id",
        id=make.merchant.organization_id,
    )
    assert [row.actor_id for row in written] == [make.merchant.owner.id]


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(form):
    page = form().submit(**PROFILE | {"name": "  ", "support_email": "nobody", "time_zone": "Mars/Olympus"})

    assert page.status == 422
    assert set(page.errors()) == {"name", "support_email", "time_zone"}
    assert page.form("organization_form").values["legal_name"] == PROFILE["legal_name"]
    assert page.browser.get("settings.organization").form("organization_form").values["name"] == "Vale Bicycles"


def test_a_refused_profile_comes_back_as_a_fragment_to_htmx(form):
    page = form().submit(hx=True, name="")

    assert (page.status, page.root.get("id")) == (422, "organization_form")


@pytest.mark.parametrize(("role", "may"), [(Role.ADMIN, True), (Role.OPERATOR, False), (Role.VIEWER, False)])
def test_only_who_may_save_is_offered_to(signed_in, role, may):
    page = signed_in(role).get("settings.organization")

    assert bool(page.all("button", value="save")) is may
    assert ("Only an owner or an admin can change this." in page.text) is not may


def test_mas_03_whoever_saves_an_old_form_is_told_so(form):
    old, new = form(), form()
    new.submit(**PROFILE | {"name": "First"})

    late = old.submit(**PROFILE | {"name": "Second"})

    assert late.status == 409
    assert "This was changed in the meantime" in late.text
    assert form().values["name"] == "First"


@pytest.mark.parametrize("version", ["", "0", "-1", "x", "999999999999"])
def test_a_version_nobody_gave_out_saves_nothing(version, form):
    assert form().submit(**PROFILE | {"version": version}).status == 409


def test_mas_01_fields_that_are_not_in_the_form_change_nothing(form, make, observer):
    before = observer.sql(
        "SELECT id, currency, created_at, archived_at FROM organizations WHERE id = :id",
        id=make.merchant.organization_id,
    )

    form().submit(
        **PROFILE, currency="USD", id="01a20000-0000-7000-8000-000000000000", created_at="2020-01-01",
        archived_at="2020-01-01", role="OWNER", card_enabled="0", late_grace_seconds="99999",
        stripe_account_id="acct_1",
    )  # fmt: skip

    after = observer.sql(
        "SELECT id, currency, created_at, archived_at FROM organizations WHERE id = :id",
        id=make.merchant.organization_id,
    )
    assert before == after
    chosen = observer.sql(
        "SELECT card_enabled, stripe_account_id FROM merchant_settings WHERE organization_id = :id",
        id=make.merchant.organization_id,
    )
    assert [tuple(row) for row in chosen] == [(True, None)]


def test_a_viewer_sees_the_profile_and_cannot_change_it(signed_in):
    client = signed_in(Role.VIEWER)

    assert client.get("settings.organization").status == 200
    assert client.post("settings.change_organization", PROFILE).status == 403
