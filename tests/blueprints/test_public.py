"""The pages for everybody."""

import dataclasses

import pytest


@pytest.mark.parametrize("endpoint", ["public.landing", "public.privacy", "public.terms"])
def test_public_pages_need_no_session_and_set_no_cookie(endpoint, client):
    page = client.get(endpoint)

    assert page.status == 200
    assert page.headers.getlist("Set-Cookie") == []


def test_the_landing_page_leads_to_both_doors(client):
    links = {one.get("href") for one in client.get("public.landing").all("a")}

    assert {"/signup", "/login"} <= links


def test_members_go_straight_to_work(signed_in):
    assert signed_in().get("public.landing").location == "/dashboard"


def test_the_style_guide_is_for_builders_only(settings, product, monkeypatch):
    from flask import Flask

    from provvypay import app as factory

    def rules_of(environment):
        bare = Flask("bare", static_folder=None)
        factory._register_blueprints(bare, dataclasses.replace(settings, environment=environment))
        return {rule.rule for rule in bare.url_map.iter_rules()}

    assert rules_of("development") - rules_of("production") == {"/styleguide"}
