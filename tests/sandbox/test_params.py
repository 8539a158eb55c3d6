"""What a session may not be made of: Stripe's own refusals, by name."""

import time

import pytest
import stripe


@pytest.fixture
def refusal(client, wanted):
    """Try to make a session and return how it was refused."""

    def attempt(amount=1099, currency="usd", **more):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.checkout.sessions.create(params=wanted(amount, currency, **more))
        assert refused.value.http_status == 400
        assert client.v1.checkout.sessions.list().data == []
        return refused.value

    return attempt


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"payment_method_types": ["card"]}, "payment_method_types"),
        ({"ui_mode": "hosted"}, "ui_mode"),
        ({"bogus": "1"}, "bogus"),
        ({"adaptive_pricing": {"enable": False}}, "adaptive_pricing[enable]"),
        ({"payment_intent_data": {"metadta": {}, "meta": "x"}}, "payment_intent_data[meta]"),
        ({"line_items": [{"price_data": {}, "qty": 1}]}, "line_items[0][qty]"),
    ],
)
def test_a_name_stripe_does_not_know_is_unknown(refusal, more, name):
    refused = refusal(**more)

    assert (refused.code, refused.param) == ("parameter_unknown", name)


def test_a_name_the_sandbox_does_not_act_out_is_refused_rather_than_ignored(refusal):
    refused = refusal(automatic_tax={"enabled": True})

    assert (refused.code, refused.param) == ("sandbox_unsupported", "automatic_tax")


@pytest.mark.parametrize("name", ["mode", "line_items", "success_url"])
def test_a_required_parameter_is_missed(client, wanted, name):
    params = wanted()
    del params[name]

    with pytest.raises(stripe.InvalidRequestError, match=f"Missing required param: {name}") as refused:
        client.v1.checkout.sessions.create(params=params)

    assert refused.value.code == "parameter_missing"


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (49, "usd", "at least $0.50 usd"),
        (49, "aud", "at least A$0.50 aud"),
        (29, "gbp", "at least £0.30 gbp"),
        (49, "jpy", "at least ¥50 jpy"),
        (17499, "huf", "at least 175.00 huf"),
        (0, "eur", "at least €0.50 eur"),
    ],
)
def test_too_small_an_amount_is_refused(refusal, amount, currency, words):
    refused = refusal(amount, currency)

    assert refused.code == "amount_too_small"
    assert str(refused.user_message).endswith(words)


@pytest.mark.parametrize(
    ("amount", "currency"), [(50, "usd"), (30, "gbp"), (50, "jpy"), (17500, "huf"), (10000, "isk")]
)
def test_the_smallest_amounts_are_taken(session, amount, currency):
    assert session(amount, currency).amount_total == amount


@pytest.mark.parametrize(
    ("amount", "currency", "step"), [(10050, "isk", 100), (1000050, "ugx", 100), (1001, "kwd", 10)]
)
def test_odd_currencies_want_round_amounts(refusal, amount, currency, step):
    assert f"multiple of {step}" in refusal(amount, currency).user_message


def test_an_expiry_too_soon_or_too_late_is_refused_in_stripes_words(refusal):
    now = int(time.time())

    soon, late = refusal(expires_at=now + 1700), refusal(expires_at=now + 86500)

    assert soon.user_message == (
        "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
    )
    assert late.user_message == (
        "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
    )
    assert late.param == "expires_at"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"success_url": "not an address"}, "success_url"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"cancel_url": "ftp://example.com"}, "cancel_url"),
        ({"customer_email": "nobody"}, "customer_email"),
        ({"customer_email": ""}, "customer_email"),
        ({"client_reference_id": "x" * 201}, "client_reference_id"),
        ({"mode": "gift"}, "mode"),
        ({"locale": "xx"}, "locale"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"metadata": {"k" * 41: "v"}}, f"metadata[{'k' * 41}]"),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata"),
        ({"allowed_payment_method_types": ["sepa_debit"]}, "allowed_payment_method_types"),
        ({"adaptive_pricing": {"enabled": "maybe"}}, "adaptive_pricing[enabled]"),
    ],
)
def test_a_value_that_does_not_fit_is_named(refusal, more, param):
    assert refusal(**more).param == param


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("unit_amount", "10.99", "unit_amount"),
        ("unit_amount", -1, "unit_amount"),
        ("unit_amount", "1e3", "unit_amount"),
        ("currency", "zzz", "currency"),
        ("product_data", {"name": ""}, "product_data][name"),
    ],
)
def test_a_bad_line_is_named_by_its_place(client, wanted, field, value, param):
    params = wanted()
    params["line_items"][0]["price_data"][field] = value

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.create(params=params)

    assert refused.value.param == f"line_items[0][price_data][{param}]"


def test_all_lines_have_one_currency(client, wanted):
    params = wanted()
    params["line_items"] += wanted(currency="eur")["line_items"]

    with pytest.raises(stripe.InvalidRequestError, match="same currency"):
        client.v1.checkout.sessions.create(params=params)


def test_only_eligible_payment_methods_survive(session):
    assert session(allowed_payment_method_types=["card", "klarna"]).payment_method_types == ["card"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sk_live_of_the_sandbox", "test keys only"),
        ("rk_live_of_the_sandbox", "test keys only"),
        ("pk_test_of_the_sandbox", "Invalid API Key"),
        ("whatever", "Invalid API Key"),
    ],
)
def test_only_secret_test_keys_are_let_in(client_for, key, words):
    with pytest.raises(stripe.AuthenticationError, match=words) as refused:
        client_for(key).v1.accounts.retrieve_current()

    assert refused.value.http_status == 401
    assert key not in str(refused.value)


def test_restricted_keys_and_basic_auth_work(client_for, sandbox, http):
    assert client_for("rk_test_of_the_sandbox").v1.accounts.retrieve_current().charges_enabled
    assert http.get(f"{sandbox.url}/stripe/v1/account", auth=("sk_test_basic", "")).status_code == 200
    assert http.get(f"{sandbox.url}/stripe/v1/account").status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("mode=payment&mode[x]=1", 400),
        ("mode[=payment", 400),
        ("a[b][c][d][e][f][g][h][i]=1", 400),
        ("&".join(f"metadata[k{n}]=v" for n in range(2100)), 400),
        ("expand[]=line_items&bogus=1", 400),
    ],
)
def test_names_that_cannot_be_read_are_refused(sandbox, body, status, http):
    answer = http.post(
        f"{sandbox.url}/stripe/v1/checkout/sessions",
        content=body,
        headers={"Authorization": "Bearer sk_test_plain", "Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_other_bodies_versions_accounts_and_addresses_are_refused(sandbox, http):
    def get(path="account", **headers):
        return http.get(f"{sandbox.url}/stripe/v1/{path}", headers={"Authorization": "Bearer sk_test_plain", **headers})

    sent = http.post(
        f"{sandbox.url}/stripe/v1/checkout/sessions", json={}, headers={"Authorization": "Bearer sk_test_plain"}
    )
    assert (sent.status_code, "content type" in sent.text) == (400, True)
    assert get(**{"Stripe-Version": "2020-08-27"}).status_code == 400
    assert get(**{"Stripe-Account": "acct_other"}).json()["error"]["code"] == "account_invalid"
    assert get("nothing").status_code == 404
    assert "Unrecognized request URL (GET: /v1/nothing)" in get("nothing").json()["error"]["message"]
    assert get("refunds/re_1").json()["error"]["code"] == "resource_missing"
    assert get("disputes/du_1").status_code == 404
    assert get("refunds?payment_intent=pi_1").json()["data"] == []
