"""The Stripe stand-in's answers, held against the contract of the pinned API version, key by key."""

from typing import Any

import pytest

LINE = {
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "1099",
    "line_items[0][price_data][product_data][name]": "Invoice 1001",
    "line_items[0][quantity]": "1",
}
FORM = {
    "mode": "payment",
    "success_url": "https://pay.example.com/return?session_id={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://pay.example.com/p/pl_01J9ZK",
    "client_reference_id": "pl_01J9ZK",
    "customer_email": "payer@example.com",
    "metadata[payment_link_id]": "pl_01J9ZK",
    "payment_intent_data[metadata][payment_link_id]": "pl_01J9ZK",
    "payment_intent_data[description]": "Invoice 1001",
    "payment_intent_data[statement_descriptor_suffix]": "BENCH",
    "adaptive_pricing[enabled]": "false",
    "locale": "auto",
    **LINE,
}


@pytest.fixture(scope="module")
def world(get, post, control):
    """A session in every state, by what happened to it."""

    def make(**more: str) -> str:
        return post("/v1/checkout/sessions", {**FORM, **more}).json()["id"]

    def pay(session: str, **typed: Any) -> str:
        control(f"stripe/sessions/{session}/pay", typed)
        return session

    both = {"allowed_payment_method_types[0]": "card", "allowed_payment_method_types[1]": "us_bank_account"}
    sessions = {
        "open": make(**{"allowed_payment_method_types[0]": "card"}),
        "paid": pay(make()),
        "available": pay(make(), card="4000000000000077"),
        "declined": pay(make(), card="4000000000009995"),
        "blocked": pay(make(), card="4100000000000019"),
        "asked": pay(make(), card="4000002500003155", three_d_secure="leave"),
        "authenticated": pay(make(), card="4000002500003155"),
        "not authenticated": pay(make(), card="4000002500003155", three_d_secure="fail"),
        "debit": pay(make(**both), account_number="000123456789"),
        "debit paid": pay(make(**both), account_number="000123456789"),
        "debit bounced": pay(make(**both), account_number="000111111113"),
        "expired": make(),
        "expired by api": pay(make(), card="4000000000000002"),
    }
    control(f"stripe/sessions/{sessions['debit paid']}/settle-async", {"succeed": True})
    control(f"stripe/sessions/{sessions['debit bounced']}/settle-async", {"succeed": False})
    control(f"stripe/sessions/{sessions['expired']}/expire")
    post(f"/v1/checkout/sessions/{sessions['expired by api']}/expire")
    control("stripe/settings", {"settlement_currencies": ["aud"], "exchange_rates": {"usd": "1.50601"}})
    sessions["converted"] = pay(make())
    control("stripe/fees/settle")
    assert len(get("/v1/events", limit=100)["data"]) > 30
    return sessions


def test_the_contract_notices_what_does_not_fit(world, get, stripe_contract):
    session = get(f"/v1/checkout/sessions/{world['paid']}")

    assert stripe_contract.of_schema({**session, "amount_total": "1099"}, "checkout.session")
    assert stripe_contract.of_schema({**session, "mode": None}, "checkout.session")
    del session["payment_status"]
    assert stripe_contract.of_answer(session, "/v1/checkout/sessions/{session}")
    listed = {"object": "list", "data": [session], "has_more": False, "url": "/v1/checkout/sessions"}
    assert stripe_contract.of_answer(listed, "/v1/checkout/sessions")


def test_every_session_fits(world, get, stripe_contract):
    for state, session in world.items():
        read = get(f"/v1/checkout/sessions/{session}")
        assert stripe_contract.of_answer(read, "/v1/checkout/sessions/{session}") == [], state
        expanded = {"expand[]": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
        full = get(f"/v1/checkout/sessions/{session}", **expanded)
        assert stripe_contract.of_schema(full, "checkout.session") == [], state
        for item in full["line_items"]["data"]:
            assert stripe_contract.of_schema(item, "item") == []
            assert stripe_contract.of_schema(item["price"], "price") == []
        if intent := full["payment_intent"]:
            assert stripe_contract.of_schema(intent, "payment_intent") == [], state
            if charge := intent["latest_charge"]:
                assert stripe_contract.of_schema(charge, "charge") == [], state
                if transaction := charge["balance_transaction"]:
                    assert stripe_contract.of_schema(transaction, "balance_transaction") == [], state


@pytest.mark.parametrize(
    "path",
    [
        "/v1/checkout/sessions",
        "/v1/payment_intents",
        "/v1/balance_transactions",
        "/v1/events",
        "/v1/refunds",
        "/v1/webhook_endpoints",
        "/v1/account",
    ],
)
def test_every_list_fits(world, get, stripe_contract, path):
    assert stripe_contract.of_answer(get(path, limit=100) if path != "/v1/account" else get(path), path) == []


def test_the_smaller_answers_fit(world, get, post, stripe_contract):
    transaction = get("/v1/balance_transactions")["data"][0]
    items = get(f"/v1/checkout/sessions/{world['paid']}/line_items")
    made = post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook", "enabled_events[0]": "*"})
    ended = post(f"/v1/checkout/sessions/{post('/v1/checkout/sessions', FORM).json()['id']}/expire")

    assert stripe_contract.of_answer(items, "/v1/checkout/sessions/{session}/line_items") == []
    assert stripe_contract.of_answer(get(f"/v1/charges/{transaction['source']}"), "/v1/charges/{charge}") == []
    read = get(f"/v1/balance_transactions/{transaction['id']}")
    assert stripe_contract.of_answer(read, "/v1/balance_transactions/{id}") == []
    assert stripe_contract.of_answer(made.json(), "/v1/webhook_endpoints", "post") == []
    assert stripe_contract.of_answer(ended.json(), "/v1/checkout/sessions/{session}/expire", "post") == []


def test_every_event_and_its_object_fit(world, get, stripe_contract):
    events = get("/v1/events", limit=100)["data"]

    for event in events:
        assert stripe_contract.of_schema(event, "event") == [], event["type"]
        thing = event["data"]["object"]
        assert stripe_contract.of_schema(thing, thing["object"]) == [], event["type"]
        assert stripe_contract.of_answer(get(f"/v1/events/{event['id']}"), "/v1/events/{id}") == []
    seen = {event["type"] for event in events}
    assert seen >= {
        "payment_intent.created",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.canceled",
        "charge.succeeded",
        "charge.failed",
        "charge.pending",
        "charge.updated",
        "checkout.session.completed",
        "checkout.session.expired",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
    }


def test_refunds_and_disputes_fit_and_carry_every_key(get, post, control, stripe_contract, stripe_examples):
    def paid() -> str:
        session = post("/v1/checkout/sessions", FORM).json()["id"]
        return control(f"stripe/sessions/{session}/pay")["charge"]

    control("stripe/fees/settle")
    charge, other = paid(), paid()
    refund = post("/v1/refunds", {"charge": charge, "amount": "500", "metadata[refund_id]": "r1"}).json()
    control("stripe/refunds/settle")
    control(f"stripe/refunds/{refund['id']}/end", {"status": "failed", "reason": "lost_or_stolen_card"})
    made = control(f"stripe/charges/{charge}/disputes", {})
    control(f"stripe/disputes/{made['id']}/step", {"step": "won"})
    control(f"stripe/charges/{other}/disputes", {"inquiry": True})
    control(f"stripe/charges/{other}/early-warning")
    expanded = {"expand[]": ["balance_transaction", "failure_balance_transaction", "charge"]}
    failed = get(f"/v1/refunds/{refund['id']}", **expanded)
    dispute = get(f"/v1/disputes/{made['id']}")

    assert stripe_contract.of_answer(refund, "/v1/refunds", "post") == []
    assert stripe_contract.of_answer(failed, "/v1/refunds/{refund}") == []
    assert stripe_contract.of_schema(failed["failure_balance_transaction"], "balance_transaction") == []
    assert stripe_contract.of_answer(dispute, "/v1/disputes/{dispute}") == []
    for row in [*dispute["balance_transactions"], failed["balance_transaction"]]:
        assert stripe_contract.of_schema(row, "balance_transaction") == []
    listed = get("/v1/disputes", payment_intent=dispute["payment_intent"])
    assert [row["id"] for row in listed["data"]] == [made["id"]]
    for name, found in (("refund.succeeded", refund), ("dispute.needs_response", made)):
        assert set(found) == set(stripe_examples[name])
    taken = stripe_examples["dispute.needs_response"]["balance_transactions"][0]
    assert set(dispute["balance_transactions"][0]) == set(taken)
    kinds = set()
    for event in get("/v1/events", limit=100)["data"]:
        thing = event["data"]["object"]
        if thing["object"] in ("refund", "dispute", "charge"):
            assert stripe_contract.of_schema(thing, thing["object"]) == [], event["type"]
        kinds.add(event["type"])
    assert kinds >= {
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.refunded",
        "charge.refund.updated",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
        "radar.early_fraud_warning.created",
    }


@pytest.mark.parametrize(
    ("example", "form"),
    [
        ("error.400.charge_already_refunded", {}),
        ("error.400.refund_greater_than_remaining", {"amount": "1100"}),
    ],
)
def test_refused_refunds_are_worded_as_in_the_examples(post, control, stripe_examples, example, form):
    session = post("/v1/checkout/sessions", FORM).json()["id"]
    charge = control(f"stripe/sessions/{session}/pay")["charge"]
    if not form:
        post("/v1/refunds", {"charge": charge})

    answer = post("/v1/refunds", {"charge": charge, **form})

    model, found = stripe_examples[example]["body"]["error"], answer.json()["error"]
    assert (answer.status_code, set(found)) == (stripe_examples[example]["status"], set(model))
    assert found["message"].replace(charge, "") == model["message"].replace("ch_3SXk2aB7WZ01zgkW0AbCdEfG", "")


@pytest.mark.parametrize(
    ("example", "state", "path"),
    [
        ("checkout_session.open", "open", ()),
        ("checkout_session.complete_paid", "paid", ()),
        ("checkout_session.complete_unpaid_delayed_method", "debit", ()),
        ("checkout_session.expired", "expired", ()),
        ("payment_intent.succeeded", "paid", ("payment_intent",)),
        ("payment_intent.requires_payment_method_after_decline", "declined", ("payment_intent",)),
        ("charge.updated_with_balance_transaction", "paid", ("payment_intent", "latest_charge")),
        ("charge.failed", "declined", ("payment_intent", "latest_charge")),
        ("balance_transaction.charge", "paid", ("payment_intent", "latest_charge", "balance_transaction")),
        (
            "balance_transaction.charge_settled_in_other_currency",
            "converted",
            ("payment_intent", "latest_charge", "balance_transaction"),
        ),
    ],
)
def test_every_key_of_the_examples_is_there(world, get, stripe_examples, example, state, path):
    wanted = {"expand[]": [".".join(path)]} if path else {}
    found = get(f"/v1/checkout/sessions/{world[state]}", **wanted)
    for step in path:
        found = found[step]

    model = stripe_examples[example]

    assert set(found) == set(model)
    for key, value in model.items():
        if (
            isinstance(value, dict)
            and isinstance(found[key], dict)
            and key not in ("metadata", "payment_method_options")
        ):
            assert set(found[key]) >= set(value), key
        if value is not None and found[key] is not None:
            assert type(found[key]) is type(value), key
    for key in ("status", "payment_status", "type", "reporting_category", "object", "livemode", "captured", "paid"):
        assert found.get(key) == model.get(key), key


def test_line_items_carry_every_key_of_the_example(world, get, stripe_examples):
    found = get(f"/v1/checkout/sessions/{world['paid']}/line_items")
    model = stripe_examples["line_items.list"]

    assert set(found) == set(model)
    assert set(found["data"][0]) == set(model["data"][0])
    assert set(found["data"][0]["price"]) == set(model["data"][0]["price"])


@pytest.mark.parametrize("name", ["checkout.session.completed", "charge.updated"])
def test_events_carry_every_key_of_the_example(world, get, stripe_examples, name):
    found = get("/v1/events", type=name)["data"][0]
    model = stripe_examples[f"event.{name}"]

    assert set(found) == set(model)
    assert set(found["data"]) == set(model["data"])
    assert set(found["data"]["object"]) == set(model["data"]["object"])
    assert set(found["request"]) == set(model["request"])


def _without_names(message: str) -> str:
    """Cut the texts down to what does not name one object or key."""
    return message.split(": ", maxsplit=1)[0].split("'", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("example", "form", "path"),
    [
        ("error.400.parameter_unknown", {**FORM, "bogus": "1"}, ""),
        ("error.400.parameter_missing", {k: v for k, v in FORM.items() if "line_items" not in k}, ""),
        ("error.400.amount_too_small", {**FORM, "line_items[0][price_data][unit_amount]": "49"}, ""),
        ("error.400.expires_at_too_soon", {**FORM, "expires_at": "1700000000"}, ""),
        ("error.400.expires_at_too_late", {**FORM, "expires_at": "2700000000"}, ""),
        ("error.400.expire_not_open", {}, "/{paid}/expire"),
        ("error.400.idempotency_mismatch", {**FORM, "locale": "de"}, ""),
        ("error.404.resource_missing", {}, "/cs_test_nope/expire"),
        ("error.401.invalid_key", FORM, ""),
        ("error.429.rate_limit", FORM, ""),
    ],
)
def test_refusals_are_worded_as_in_the_examples(
    world, post, control, stripe_examples, stripe_contract, example, form, path
):
    headers = {}
    if "idempotency" in example:
        headers = {"Idempotency-Key": "pl_01J9ZK:v1"}
        post("/v1/checkout/sessions", FORM, **headers)
    if "429" in example:
        control("faults", {"kind": "rate_limit", "remaining": 1})
    if "401" in example:
        headers = {"Authorization": "Bearer sk_nonsense_abcd"}

    answer = post(f"/v1/checkout/sessions{path.format(**world)}", form, **headers)

    model = stripe_examples[example]
    error, expected = answer.json()["error"], model["body"]["error"]
    assert answer.status_code == model["status"]
    assert stripe_contract.of_schema(answer.json(), "error") == []
    assert set(error) >= set(expected)
    for key in ("type", "code", "param", "doc_url"):
        assert error.get(key) == expected.get(key), key
    assert _without_names(error["message"]) == _without_names(expected["message"])
    for name, value in model.get("headers", {}).items():
        assert answer.headers[name] == value


def _names(schema: dict[str, Any], prefix: str, depth: int) -> list[str]:
    """Return the bracketed names of a form's schema down to a depth."""
    found = []
    for key, inner in schema.get("properties", {}).items():
        name = f"{prefix}[{key}]" if prefix else key
        found.append(name)
        nested, place = inner, name
        if inner.get("type") == "array":
            nested, place = inner.get("items", {}), f"{name}[0]"
        if depth > 1:
            found += _names(nested, place, depth - 1)
    return found


def test_every_parameter_of_the_contract_is_known_by_name(sandbox, post, stripe_contract):
    """Whether acted out or not, the sandbox calls nothing unknown that Stripe knows."""
    body = stripe_contract.document["paths"]["/v1/checkout/sessions"]["post"]["requestBody"]["content"]
    schema = body["application/x-www-form-urlencoded"]["schema"]
    deep = ("line_items[0]", "payment_intent_data", "adaptive_pricing", "custom_text")
    names = _names(schema, "", 1) + [name for name in _names(schema, "", 4) if name.startswith(deep)]

    unknown = []
    for name in names:
        error = post("/v1/checkout/sessions", {name: "x"}).json()["error"]
        if error.get("code") == "parameter_unknown" and error.get("param") == name != "ui_mode":
            unknown.append(name)

    assert len(names) > 80
    assert unknown == []


def test_no_parameter_is_known_that_the_contract_does_not_have(post, stripe_contract):
    body = stripe_contract.document["paths"]["/v1/checkout/sessions"]["post"]["requestBody"]["content"]
    known = body["application/x-www-form-urlencoded"]["schema"]["properties"]

    for name in ("payment_method_types", "submit", "amount", "currency_code", "customer_name", "payment_intent"):
        assert name not in known
        error = post("/v1/checkout/sessions", {**FORM, name: "x"}).json()["error"]
        assert (error["code"], error["param"]) == ("parameter_unknown", name)


def test_list_parameters_of_the_contract_are_known(get, stripe_contract):
    for path in (
        "/v1/checkout/sessions",
        "/v1/payment_intents",
        "/v1/balance_transactions",
        "/v1/events",
        "/v1/refunds",
    ):
        for parameter in stripe_contract.document["paths"][path]["get"]["parameters"]:
            answer = get(path, **{parameter["name"]: "x"})
            assert answer.get("error", {}).get("code") != "parameter_unknown", (path, parameter["name"])
