"""The console, /: where a person pays as a customer would, sees webhooks, moves rates and switches faults on.

Plain forms that call the same functions as the control door; no scripts.
"""

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from provvypay.sandbox.coingecko import service as gecko_service
from provvypay.sandbox.coingecko.state import GeckoState
from provvypay.sandbox.console import ledger, shown
from provvypay.sandbox.console import xero as xero_pages
from provvypay.sandbox.core import Core
from provvypay.sandbox.faults import UnknownFault
from provvypay.sandbox.mirror_node import service as mirror_service
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.stripe import aftermath, delivery, hand, queue, service
from provvypay.sandbox.stripe.errors import StripeError
from provvypay.sandbox.stripe.state import StripeState
from provvypay.sandbox.wishes import CannotDo
from provvypay.sandbox.xero.state import XeroState

OUTCOMES: dict[str, dict[str, str]] = {
    "Pay": {},
    "Decline": {"card": "4000000000000002"},
    "No funds": {"card": "4000000000009995"},
    "3-D Secure": {"card": "4000002500003155"},
    "3-D Secure fails": {"card": "4000002500003155", "three_d_secure": "fail"},
    "Block": {"card": "4100000000000019"},
}
SAID = {
    "succeeded": "Paid.",
    "declined": "Declined; the session stays open.",
    "processing": "A bank debit is under way.",
    "sent": "Sent on the ledger.",
    "refused": "The network refused it: see the record.",
    "done": "Done.",
}
Form = dict[str, str]
Action = Callable[[Form], str | None]
"""Takes the submitted form and returns a key of SAID; raises one of WRONG when it cannot."""
WRONG = (CannotDo, UnknownFault, gecko_service.BadSwitch, StripeError, LookupError, ValueError)


def blueprint(core: Core, stripe: StripeState, gecko: GeckoState, mirror: MirrorState, xero: XeroState) -> Blueprint:
    """Return the console's routes, bound to the states."""
    bp = Blueprint("console", __name__)
    actions = (
        _sessions(stripe) | _webhooks(stripe) | _rates(core, gecko) | _exchange_rate(mirror) | ledger.actions(mirror)
    )
    actions |= xero_pages.actions(xero) | _faults(core) | _time(core, stripe) | _aftermath(stripe)

    def page(http_status: int = 200, error: str = "") -> Response:
        core.run_due()
        with core.lock:
            context = shown.everything(core, stripe, gecko, mirror)
            context["organisations"] = xero_pages.overview(xero)
            context["ledger"] = ledger.shown(mirror, request.args.to_dict())
        said = SAID.get(request.args.get("said", ""), "")
        body = render_template("console.html", outcomes=list(OUTCOMES), said=said, error=error, **context)
        return make_response(body, http_status)

    @bp.get("/")
    def show() -> Response:
        return page()

    @bp.post("/console/<part>/<name>")
    def act(part: str, name: str) -> Response:
        if not (action := actions.get((part, name))):
            return page(404, "There is no such button.")
        try:
            said = action({key: value.strip() for key, value in request.form.items()})
        except WRONG as error:
            words = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            return page(error.status if isinstance(error, CannotDo) else 422, words)
        return redirect(f"/?said={said or 'done'}#{part}", 303)

    return bp


def _sessions(stripe: StripeState) -> dict[tuple[str, str], Action]:
    def pay(form: Form) -> str:
        return str(hand.pay(stripe, form["session"], dict(OUTCOMES[form["outcome"]]))["outcome"])

    return {
        ("sessions", "pay"): pay,
        ("sessions", "expire"): lambda form: hand.expire(stripe, form["session"]),
        ("sessions", "challenge"): lambda form: hand.answer_challenge(
            stripe, form["session"], passed=form["answer"] == "complete"
        ),
        ("sessions", "settle"): lambda form: hand.settle_debit(
            stripe, form["session"], succeed=form["answer"] == "arrives"
        ),
    }


def _aftermath(stripe: StripeState) -> dict[tuple[str, str], Action]:
    def refund(form: Form) -> None:
        amount = {"amount": int(form["amount"])} if form.get("amount") else {}
        aftermath.refund(stripe, form["charge"], amount)

    def dispute(form: Form) -> None:
        aftermath.dispute(stripe, form["charge"], {"inquiry": form.get("kind") == "inquiry"})

    def warn(form: Form) -> None:
        aftermath.warn(stripe, form["charge"])

    def end(form: Form) -> None:
        aftermath.end_refund(stripe, form["refund"], form["status"])

    def settle(_: Form) -> None:
        with stripe.core.lock:
            stripe.core.timers.bring_forward("stripe.refund")

    def step(form: Form) -> None:
        aftermath.decide(stripe, form["dispute"], form["step"])

    return {
        ("books", "refund"): refund,
        ("books", "dispute"): dispute,
        ("books", "warn"): warn,
        ("refunds", "end"): end,
        ("refunds", "settle"): settle,
        ("refunds", "step"): step,
    }


def _webhooks(stripe: StripeState) -> dict[tuple[str, str], Action]:
    def locked(act: Callable[[], object]) -> None:
        with stripe.core.lock:
            act()

    def again(form: Form) -> None:
        delivery.send_again(stripe, form["event"], times=1, concurrent=False)

    return {
        ("webhooks", "endpoint"): lambda form: locked(
            lambda: service.point_webhooks(stripe, form["url"], form["secret"])
        ),
        ("webhooks", "hold"): lambda _: locked(lambda: queue.hold(stripe)),
        ("webhooks", "release"): lambda _: locked(lambda: queue.release(stripe)),
        ("webhooks", "redeliver"): lambda _: locked(lambda: queue.requeue(stripe, ("dropped", "failed"))),
        ("webhooks", "again"): again,
    }


def _rates(core: Core, gecko: GeckoState) -> dict[tuple[str, str], Action]:
    def change(wanted: dict[str, Any]) -> None:
        with core.lock:
            gecko_service.change(gecko, wanted)

    def listed(name: str, form: Form) -> None:
        coins = [coin for coin in getattr(gecko.switches, name) if coin != form["coin"]]
        change({name: coins + ([form["coin"]] if form["switch"] == "on" else [])})

    def depeg(form: Form) -> None:
        change({"depeg": {**gecko.switches.depeg, form["coin"]: form["factor"]}})

    return {
        ("rates", "set"): lambda form: change({"prices": {form["coin"]: {form["currency"]: form["price"]}}}),
        ("rates", "walk"): lambda form: change({"prices": {form["coin"]: None}}),
        ("rates", "depeg"): depeg,
        ("rates", "missing"): lambda form: listed("missing_coins", form),
        ("rates", "unpriced"): lambda form: listed("null_coins", form),
        ("rates", "freeze"): lambda form: change({"frozen": form["switch"] == "on"}),
    }


def _exchange_rate(mirror: MirrorState) -> dict[tuple[str, str], Action]:
    def change(**wanted: Any) -> None:
        with mirror.core.lock:
            mirror_service.change(mirror, wanted)

    return {
        ("rates", "network"): lambda form: change(usd_per_hbar=form["price"] or None),
        ("rates", "network-expired"): lambda form: change(expired=form["expired"]),
        ("rates", "network-missing"): lambda form: change(missing=form["switch"] == "on"),
    }


def _faults(core: Core) -> dict[tuple[str, str], Action]:
    def add(description: dict[str, Any]) -> None:
        with core.lock:
            core.faults.add(description)
            core.touch()

    def own(form: Form) -> None:
        options = json.loads(form.get("options") or "{}")
        if not isinstance(options, dict):
            raise CannotDo('Write options as an object, such as {"seconds": 3}')
        named = {name: form[name] for name in ("vendor", "kind", "pattern", "method") if form.get(name)}
        remaining = {"remaining": int(form["remaining"])} if form.get("remaining") else {}
        add({**options, **named, **remaining})

    def remove(form: Form) -> None:
        with core.lock:
            core.faults.remove(form.get("fault"))
            core.touch()

    return {
        ("faults", "preset"): lambda form: add(dict(shown.PRESETS[int(form["preset"])][1])),
        ("faults", "add"): own,
        ("faults", "remove"): remove,
    }


def _time(core: Core, stripe: StripeState) -> dict[tuple[str, str], Action]:
    def advance(form: Form) -> None:
        with core.lock:
            seconds = int(form["seconds"])
            core.clock.offset_seconds = core.clock.offset_seconds + seconds if seconds else 0
            core.touch()
        core.run_due()

    def fees(_: Form) -> None:
        with core.lock:
            core.timers.bring_forward("stripe.fee")

    def settlement(form: Form) -> None:
        codes = form["currencies"].lower().replace(",", " ").split()
        with core.lock:
            hand.tune(stripe, {"settlement_currencies": codes or None})

    return {
        ("time", "advance"): advance,
        ("time", "reset"): lambda _: core.reset(),
        ("books", "fees"): fees,
        ("books", "settlement"): settlement,
    }
