"""The control door, /_control: everything the console can do, as JSON, for tests and tools.

Every call and its shapes: docs/reference/sandbox.md.
"""

from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from provvypay.sandbox.coingecko import service as gecko_service
from provvypay.sandbox.coingecko.state import GeckoState
from provvypay.sandbox.control import mirror_routes, stripe_routes, xero_routes
from provvypay.sandbox.control.body import answer, given, number
from provvypay.sandbox.core import Core
from provvypay.sandbox.faults import KINDS, UnknownFault
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.stripe.errors import StripeError
from provvypay.sandbox.stripe.state import StripeState
from provvypay.sandbox.wishes import CannotDo
from provvypay.sandbox.xero.state import XeroState


def blueprint(core: Core, stripe: StripeState, gecko: GeckoState, mirror: MirrorState, xero: XeroState) -> Blueprint:
    """Return the door's routes, bound to the states."""
    bp = Blueprint("control", __name__, url_prefix="/_control")
    _general(bp, core)
    _faults(bp, core)
    _rates(bp, core, gecko)
    mirror_routes.register(bp, mirror)
    stripe_routes.register(bp, stripe)
    xero_routes.register(bp, xero)

    @bp.route("/<path:rest>", methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
    def unknown(rest: str) -> Response:
        raise CannotDo(f"There is no {request.method} /_control/{rest}", 404)

    @bp.errorhandler(CannotDo)
    def cannot(error: CannotDo) -> Response:
        return answer({"error": str(error)}, error.status)

    @bp.errorhandler(UnknownFault)
    @bp.errorhandler(gecko_service.BadSwitch)
    @bp.errorhandler(StripeError)
    def wrong(error: Exception) -> Response:
        return answer({"error": str(error)}, 422)

    @bp.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return answer({"error": error.description}, error.code or 500)

    return bp


def _general(bp: Blueprint, core: Core) -> None:
    @bp.get("/health")
    def health() -> Response:
        return answer({"status": "ok", "now": core.clock.now()})

    @bp.post("/reset")
    def reset() -> Response:
        core.reset()
        return answer({"status": "ok"})

    @bp.get("/clock")
    def clock() -> Response:
        return answer(_clock(core))

    @bp.post("/clock")
    def set_clock() -> Response:
        wanted = given("offset_seconds", "advance_seconds", "signature_offset_seconds")
        with core.lock:
            if "offset_seconds" in wanted:
                core.clock.offset_seconds = int(number(wanted, "offset_seconds"))
            core.clock.offset_seconds += int(number(wanted, "advance_seconds", 0))
            if "signature_offset_seconds" in wanted:
                core.clock.signature_offset_seconds = int(number(wanted, "signature_offset_seconds"))
            core.touch()
        core.run_due()
        return answer(_clock(core))


def _clock(core: Core) -> dict[str, Any]:
    return {
        "now": core.clock.now(),
        "offset_seconds": core.clock.offset_seconds,
        "signature_offset_seconds": core.clock.signature_offset_seconds,
    }


def _faults(bp: Blueprint, core: Core) -> None:
    @bp.get("/faults")
    def faults() -> Response:
        with core.lock:
            return answer({"faults": core.faults.dump(), "kinds": KINDS})

    @bp.post("/faults")
    def add_fault() -> Response:
        with core.lock:
            fault = core.faults.add(given())
            core.touch()
            return answer({"id": fault.id, "faults": core.faults.dump()}, 201)

    @bp.delete("/faults")
    @bp.delete("/faults/<fault_id>")
    def remove_faults(fault_id: str | None = None) -> Response:
        with core.lock:
            removed = core.faults.remove(fault_id)
            core.touch()
        if fault_id is not None and not removed:
            raise CannotDo(f"There is no fault {fault_id}", 404)
        return answer({"removed": removed})


def _rates(bp: Blueprint, core: Core, gecko: GeckoState) -> None:
    @bp.get("/rates")
    def rates() -> Response:
        with core.lock:
            return answer(gecko_service.shown(gecko))

    @bp.post("/rates")
    def set_rates() -> Response:
        with core.lock:
            gecko_service.change(gecko, given())
            return answer(gecko_service.shown(gecko))

    @bp.delete("/rates")
    def forget_rates() -> Response:
        with core.lock:
            gecko.clear()
            core.touch()
            return answer(gecko_service.shown(gecko))
