"""The part of the control door that concerns Stripe."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response

from provvypay.sandbox.control.body import answer, flag, given, number, text, words
from provvypay.sandbox.stripe import aftermath, books, delivery, events, fees, hand, queue, service, signature
from provvypay.sandbox.stripe.state import StripeState
from provvypay.sandbox.wishes import CannotDo

MOST_TIMES = 50
LONGEST_WAIT_SECONDS = 60
ENVELOPE = ("type", "object", "previous_attributes", "id", "livemode", "account", "api_version", "created")


def register(bp: Blueprint, state: StripeState) -> None:
    """Add the routes below /_control/stripe."""
    _account(bp, state)
    _sessions(bp, state)
    _refunds(bp, state)
    _disputes(bp, state)
    _deliveries(bp, state)
    _events(bp, state)


def _account(bp: Blueprint, state: StripeState) -> None:
    @bp.get("/stripe/settings")
    def settings() -> Response:
        with state.core.lock:
            return answer(asdict(state.settings))

    @bp.post("/stripe/settings")
    def tune() -> Response:
        with state.core.lock:
            hand.tune(state, given())
            return answer(asdict(state.settings))

    @bp.post("/stripe/webhook-endpoint")
    def webhook_endpoint() -> Response:
        wanted = given("url", "secret")
        with state.core.lock:
            return answer(service.point_webhooks(state, text(wanted, "url"), text(wanted, "secret")))

    @bp.get("/stripe/books")
    def show_books() -> Response:
        state.core.run_due()
        with state.core.lock:
            return answer(books.books(state))

    @bp.post("/stripe/fees/settle")
    def settle_fees() -> Response:
        with state.core.lock:
            return answer({"arrived": state.core.timers.bring_forward("stripe.fee")})

    @bp.post("/stripe/fees/rename")
    def rename_fee() -> Response:
        wanted = given("charge", "fee")
        charge, fee = text(wanted, "charge"), int(number(wanted, "fee"))
        with state.core.lock:
            transaction = fees.rename(state, charge, fee) if fee >= 0 else None
        if transaction is None:
            raise CannotDo(f"There is no charge {charge} whose fee is known", 404)
        return answer({"balance_transaction": transaction})


def _sessions(bp: Blueprint, state: StripeState) -> None:
    @bp.get("/stripe/sessions")
    def sessions() -> Response:
        state.core.run_due()
        with state.core.lock:
            return answer({"sessions": list(reversed(state.table("sessions").values()))})

    @bp.post("/stripe/sessions/<session_id>/pay")
    def pay(session_id: str) -> Response:
        result = hand.pay(state, session_id, given())
        return answer(result, {"closed": 409, "rejected": 422}.get(result["outcome"], 200))

    @bp.post("/stripe/sessions/<session_id>/authentication")
    def authentication(session_id: str) -> Response:
        passed = flag(given("complete"), "complete", default=True)
        outcome = hand.answer_challenge(state, session_id, passed=passed)
        return answer({"outcome": outcome, "session": hand.session(state, session_id)})

    @bp.post("/stripe/sessions/<session_id>/settle-async")
    def settle(session_id: str) -> Response:
        hand.settle_debit(state, session_id, succeed=flag(given("succeed"), "succeed", default=True))
        return answer({"session": hand.session(state, session_id)})

    @bp.post("/stripe/sessions/<session_id>/expire")
    def expire(session_id: str) -> Response:
        hand.expire(state, session_id)
        return answer({"session": hand.session(state, session_id)})


def _refunds(bp: Blueprint, state: StripeState) -> None:
    @bp.get("/stripe/refunds")
    def refunds() -> Response:
        state.core.run_due()
        with state.core.lock:
            return answer({"refunds": list(reversed(state.table("refunds").values()))})

    @bp.post("/stripe/charges/<charge_id>/refunds")
    def refund(charge_id: str) -> Response:
        return answer(aftermath.refund(state, charge_id, given("amount", "reason")), 201)

    @bp.post("/stripe/refunds/<refund_id>/end")
    def end_refund(refund_id: str) -> Response:
        wanted = given("status", "reason")
        reason = text(wanted, "reason", "unknown")
        return answer(aftermath.end_refund(state, refund_id, text(wanted, "status"), reason))

    @bp.post("/stripe/refunds/settle")
    def settle_refunds() -> Response:
        with state.core.lock:
            return answer({"ended": state.core.timers.bring_forward("stripe.refund")})


def _disputes(bp: Blueprint, state: StripeState) -> None:
    @bp.get("/stripe/disputes")
    def disputes() -> Response:
        state.core.run_due()
        with state.core.lock:
            return answer({"disputes": list(reversed(state.table("disputes").values()))})

    @bp.post("/stripe/charges/<charge_id>/disputes")
    def dispute(charge_id: str) -> Response:
        wanted = given("reason", "amount", "inquiry")
        flag(wanted, "inquiry")
        return answer(aftermath.dispute(state, charge_id, wanted), 201)

    @bp.post("/stripe/disputes/<dispute_id>/step")
    def step(dispute_id: str) -> Response:
        return answer(aftermath.decide(state, dispute_id, text(given("step"), "step")))

    @bp.post("/stripe/disputes/settle")
    def settle_disputes() -> Response:
        with state.core.lock:
            return answer({"opened": state.core.timers.bring_forward("stripe.dispute")})

    @bp.post("/stripe/charges/<charge_id>/early-warning")
    def warn(charge_id: str) -> Response:
        return answer(aftermath.warn(state, charge_id), 201)


def _deliveries(bp: Blueprint, state: StripeState) -> None:
    @bp.get("/stripe/deliveries")
    def deliveries() -> Response:
        with state.core.lock:
            return answer({"held": state.held, "deliveries": list(state.deliveries.values())})

    @bp.post("/stripe/hold")
    def hold() -> Response:
        with state.core.lock:
            return answer({"held": True, "waiting": queue.hold(state)})

    @bp.post("/stripe/release")
    def release() -> Response:
        with state.core.lock:
            return answer({"held": False, "queued": queue.release(state)})

    @bp.post("/stripe/deliveries/redeliver")
    def redeliver() -> Response:
        wanted = given("event_ids", "statuses")
        statuses = tuple(words(wanted, "statuses") or ("dropped", "failed"))
        with state.core.lock:
            return answer({"queued": queue.requeue(state, statuses, words(wanted, "event_ids"))})

    @bp.post("/stripe/deliveries/send")
    def send() -> Response:
        wanted = given("event_ids", "concurrent")
        ids = words(wanted, "event_ids") or []
        _known(state, *ids)
        return answer({"attempts": delivery.send_in_order(state, ids, concurrent=flag(wanted, "concurrent"))})

    @bp.post("/stripe/deliveries/drain")
    def drain() -> Response:
        wanted = given("timeout_seconds", "fees", "retries")
        seconds = min(number(wanted, "timeout_seconds", 10), LONGEST_WAIT_SECONDS)
        idle, news = delivery.drain(
            state, seconds, fees=flag(wanted, "fees"), retries=flag(wanted, "retries", default=True)
        )
        return answer({"idle": idle, "deliveries": news})


def _events(bp: Blueprint, state: StripeState) -> None:
    @bp.get("/stripe/events")
    def all_events() -> Response:
        with state.core.lock:
            return answer({"events": list(state.table("events").values())})

    @bp.post("/stripe/events")
    def make_event() -> Response:
        wanted = given(*ENVELOPE)
        text(wanted, "type")
        if not isinstance(wanted.get("object"), dict):
            raise CannotDo("object must be an object")
        with state.core.lock:
            return answer(events.emit_by_hand(state, dict(wanted)), 201)

    @bp.post("/stripe/events/<event_id>/deliver")
    def deliver(event_id: str) -> Response:
        wanted = given("times", "concurrent", "signature")
        times = int(number(wanted, "times", 1))
        if not 1 <= times <= MOST_TIMES:
            raise CannotDo(f"times must be 1 to {MOST_TIMES}")
        sign = text(wanted, "signature", "good")
        if sign not in signature.KINDS:
            raise CannotDo(f"signature must be one of {', '.join(signature.KINDS)}")
        _known(state, event_id)
        attempts: list[dict[str, Any]] = delivery.send_again(
            state, event_id, times=times, concurrent=flag(wanted, "concurrent"), sign=sign
        )
        return answer({"attempts": attempts})


def _known(state: StripeState, *event_ids: str) -> None:
    with state.core.lock:
        for event_id in event_ids:
            if event_id not in state.table("events"):
                raise CannotDo(f"There is no event {event_id}", 404)
