"""Routes of the CoinGecko stand-in below /coingecko/api/v3.

Reference: https://docs.coingecko.com/reference, checked 2026-11-22. Odd codes: 10002 no key, 10010 a Pro key on the
Demo host, 10011 a Demo key on the Pro host, 429 also seen with status 200.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, request

from provvypay.sandbox.coingecko import walk
from provvypay.sandbox.coingecko.currencies import UNITS
from provvypay.sandbox.coingecko.state import COINS, GeckoState
from provvypay.sandbox.faults import REQUEST_KINDS, Fault
from provvypay.sandbox.hangup import hang_up
from provvypay.sandbox.jsontext import to_json

RATE_LIMITED = (
    "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing to subscribe to our API "
    "plans for higher rate limits."
)
MESSAGES = {
    10002: "API Key Missing",
    10005: "This request is limited to PRO API subscribers",
    10010: "If you are using Pro API key, please change your root URL from api.coingecko.com to pro-api.coingecko.com",
    10011: "If you are using Demo API key, please change your root URL from pro-api.coingecko.com to api.coingecko.com",
}
Answer = tuple[Any, int, dict[str, str]]
"""What is sent as JSON, the status, further headers."""


class Refused(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, body: Any, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.answer: Answer = (body, status, headers or {})


def blueprint(state: GeckoState) -> Blueprint:
    """Return the API's routes, bound to a state."""
    bp = Blueprint("coingecko_api", __name__, url_prefix="/coingecko/api/v3")
    for rule, endpoint in (
        ("/ping", _ping),
        ("/simple/price", _simple_price),
        ("/simple/supported_vs_currencies", _supported),
        ("/coins/list", _coins),
        ("/exchange_rates", _exchange_rates),
    ):
        bp.add_url_rule(rule, rule, _view(state, endpoint), methods=["GET"])
    bp.add_url_rule("/<path:rest>", "unknown", _view(state, _unknown), methods=["GET"])
    return bp


def _view(state: GeckoState, endpoint: Callable[[GeckoState], Any]) -> Callable[..., Response]:
    def view(**_: str) -> Response:
        path = request.path.removeprefix("/coingecko/api/v3")
        with state.core.lock:
            faults = state.core.faults.take("coingecko", tuple(REQUEST_KINDS), path, request.method)
        for name in ("slow", "slow_after_commit"):
            if fault := faults.get(name):
                time.sleep(float(fault.option("seconds")))
        if "drop" in faults or "drop_after_commit" in faults:
            hang_up()
        try:
            _strike(faults)
            with state.core.lock:
                _check_key(state)
                answer: Answer = (endpoint(state), 200, {})
        except Refused as refused:
            answer = refused.answer
        body, status, headers = answer
        if isinstance(body, str):
            return Response(body, status, headers, content_type="text/html")
        return Response(to_json(body), status, headers, content_type="application/json; charset=utf-8")

    return view


def _strike(faults: dict[str, Fault]) -> None:
    if fault := faults.get("error") or faults.get("error_after_commit"):
        raise Refused(_status(int(fault.option("status")), "Internal Server Error"), int(fault.option("status")))
    if "forbidden" in faults:
        raise Refused("<html><body><h1>Access denied</h1><p>Error code 1020</p></body></html>", 403)
    if fault := faults.get("rate_limit"):
        wait = fault.option("retry_after")
        headers = {"Retry-After": str(wait)} if wait is not None else {}
        raise Refused(_status(429, RATE_LIMITED), int(fault.option("status")), headers)
    if fault := faults.get("unauthorized"):
        code = int(fault.option("code"))
        raise Refused(_status(code, MESSAGES.get(code, "Unauthorized")), 401)


def _check_key(state: GeckoState) -> None:
    """Refuse a key that does not belong to the host the sandbox plays."""
    demo = request.headers.get("x-cg-demo-api-key") or request.args.get("x_cg_demo_api_key")
    pro = request.headers.get("x-cg-pro-api-key") or request.args.get("x_cg_pro_api_key")
    plays_pro = state.switches.plan == "pro"
    mine, other = (pro, demo) if plays_pro else (demo, pro)
    if other and not mine:
        code = 10011 if plays_pro else 10010
        raise Refused(_status(code, MESSAGES[code]), 401)
    needed = plays_pro or state.switches.require_key
    if not mine.startswith("CG-") if mine else needed:
        raise Refused(_status(10002, MESSAGES[10002]), 401)


def _status(code: int, message: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"status": {"timestamp": now, "error_code": code, "error_message": message}}


def _ping(_: GeckoState) -> Any:
    return {"gecko_says": "(V3) To the Moon!"}


def _simple_price(state: GeckoState) -> Any:
    """Answer with what is known; an unknown coin or currency is simply not there."""
    if any(request.args.get(name) for name in ("names", "symbols")) and not request.args.get("ids"):
        raise Refused({"error": "The sandbox looks coins up by ids only"}, 400)
    for name in ("vs_currencies", "ids"):
        if not request.args.get(name):
            raise Refused({"error": f"Missing parameter {name}"}, 422)
    digits = _precision(request.args.get("precision"))
    asked = request.args["vs_currencies"].lower().split(",")
    currencies = [name.strip() for name in asked if name.strip() in UNITS]
    currencies = [name for name in currencies if name not in state.switches.missing_currencies]
    answer: dict[str, Any] = {}
    for coin_id in (name.strip() for name in request.args["ids"].split(",")):
        if coin_id in COINS and coin_id not in state.switches.missing_coins:
            answer[coin_id] = _one(state, coin_id, currencies, digits)
    return answer


def _one(state: GeckoState, coin_id: str, currencies: list[str], digits: int | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    unpriced = coin_id in state.switches.null_coins
    for currency in currencies:
        value = walk.price(state, coin_id, currency)
        row[currency] = None if unpriced else _rounded(value, digits)
        if _asked("include_market_cap"):
            row[f"{currency}_market_cap"] = None if unpriced else (value * 42_000_000_000).quantize(Decimal(1))
        if _asked("include_24hr_vol"):
            row[f"{currency}_24h_vol"] = None if unpriced else (value * 310_000_000).quantize(Decimal(1))
        if _asked("include_24hr_change"):
            row[f"{currency}_24h_change"] = None if unpriced else walk.change_24h(state, coin_id)
    if _asked("include_last_updated_at"):
        row["last_updated_at"] = walk.updated_at(state, coin_id)
    return row


def _asked(name: str) -> bool:
    return request.args.get(name) == "true"


def _precision(text: str | None) -> int | None:
    """Return the decimals asked for; None for `full`."""
    if text == "full":
        return None
    if text is None:
        return 6
    if not text.isdecimal() or int(text) > 18:
        raise Refused({"error": "Invalid precision: use full, or 0 to 18"}, 400)
    return int(text)


def _rounded(value: Decimal, digits: int | None) -> Decimal:
    if digits is None:
        return value
    rounded = value.quantize(Decimal(1).scaleb(-digits)).normalize()
    return rounded if rounded or not value else value


def _supported(state: GeckoState) -> Any:
    return [name for name in UNITS if name not in state.switches.missing_currencies]


def _coins(state: GeckoState) -> Any:
    rows = [(name, coin) for name, coin in COINS.items() if name not in state.switches.missing_coins]
    answer: list[dict[str, Any]] = [{"id": name, "symbol": coin.symbol, "name": coin.name} for name, coin in rows]
    if _asked("include_platform"):
        for row in answer:
            row["platforms"] = {}
    return answer


def _exchange_rates(state: GeckoState) -> Any:
    bitcoin = walk.price(state, "bitcoin", "usd")
    rates = {
        code: {
            "name": unit.name,
            "unit": unit.sign,
            "value": Decimal(1) if code == "btc" else (bitcoin * unit.per_dollar).quantize(Decimal("0.001")),
            "type": unit.kind,
        }
        for code, unit in UNITS.items()
        if code not in state.switches.missing_currencies
    }
    return {"rates": rates}


def _unknown(_: GeckoState) -> Any:
    raise Refused({"error": "Not Found"}, 404)
