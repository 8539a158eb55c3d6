"""The part of the control door that concerns the mirror node and the ledger behind it."""

from dataclasses import asdict

from flask import Blueprint, Response, request

from provvypay.sandbox.control.body import answer, given
from provvypay.sandbox.mirror_node import desk, service, traffic
from provvypay.sandbox.mirror_node.state import MirrorState


def register(bp: Blueprint, state: MirrorState) -> None:
    """Add the routes below /_control/mirror_node."""
    _exchange_rate(bp, state)
    _machine(bp, state)
    _ledger(bp, state)


def _exchange_rate(bp: Blueprint, state: MirrorState) -> None:
    @bp.get("/mirror_node/exchange-rate")
    def exchange_rate() -> Response:
        with state.core.lock:
            return answer(service.shown(state))

    @bp.post("/mirror_node/exchange-rate")
    def set_exchange_rate() -> Response:
        with state.core.lock:
            service.change(state, given())
            return answer(service.shown(state))

    @bp.delete("/mirror_node/exchange-rate")
    def forget_exchange_rate() -> Response:
        with state.core.lock:
            state.switches = type(state.switches)()
            state.core.touch()
            return answer(service.shown(state))


def _machine(bp: Blueprint, state: MirrorState) -> None:
    @bp.get("/mirror_node/settings")
    def mirror_settings() -> Response:
        with state.core.lock:
            return answer(asdict(state.settings))

    @bp.post("/mirror_node/settings")
    def tune_mirror() -> Response:
        with state.core.lock:
            service.tune(state, given())
            return answer(asdict(state.settings))

    @bp.get("/mirror_node/requests")
    def requests() -> Response:
        with state.core.lock:
            return answer(traffic.shown(state))

    @bp.delete("/mirror_node/requests")
    def forget_requests() -> Response:
        with state.core.lock:
            state.forget_requests()
            return answer(traffic.shown(state))


def _ledger(bp: Blueprint, state: MirrorState) -> None:
    @bp.post("/mirror_node/transfers")
    def transfer() -> Response:
        wanted = given()
        with state.core.lock:
            return answer(desk.pay(state, wanted), 201)

    @bp.get("/mirror_node/credits")
    def truth() -> Response:
        with state.core.lock:
            return answer(desk.truth(state, request.args.get("account")))

    @bp.get("/mirror_node/accounts")
    def accounts() -> Response:
        with state.core.lock:
            return answer({"accounts": [desk.account_row(state, num) for num in sorted(state.world.accounts)]})

    @bp.get("/mirror_node/assets")
    def assets() -> Response:
        with state.core.lock:
            return answer({"network": state.settings.network, "assets": desk.asset_rows(state)})

    @bp.get("/mirror_node/airdrops")
    def airdrops() -> Response:
        with state.core.lock:
            return answer({"airdrops": list(state.airdrops.values())})

    @bp.post("/mirror_node/airdrops/<name>/claim")
    def claim(name: str) -> Response:
        with state.core.lock:
            return answer(desk.claim_airdrop(state, name), 201)
