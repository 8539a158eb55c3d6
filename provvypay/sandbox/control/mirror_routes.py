"""The part of the control door that concerns the mirror node and the ledger behind it."""

from dataclasses import asdict

from flask import Blueprint, Response, request

from provvypay.sandbox.control.body import answer, given
from provvypay.sandbox.mirror_node import desk, entities, manage, service, traffic, wallet
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.wishes import CannotDo


def register(bp: Blueprint, state: MirrorState) -> None:
    """Add the routes below /_control/mirror_node."""
    _exchange_rate(bp, state)
    _machine(bp, state)
    _payments(bp, state)
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


def _payments(bp: Blueprint, state: MirrorState) -> None:
    @bp.post("/mirror_node/transfers")
    def transfer() -> Response:
        wanted = given()
        with state.core.lock:
            return answer(desk.pay(state, wanted), 201)

    @bp.post("/mirror_node/transfers/many")
    def transfers() -> Response:
        wanted = given("transfers").get("transfers")
        if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
            raise CannotDo("transfers must be a list of wishes")
        with state.core.lock:
            return answer({"outcomes": [desk.pay(state, one) for one in wanted]}, 201)

    @bp.post("/mirror_node/fill")
    def fill() -> Response:
        wanted = given()
        with state.core.lock:
            return answer({"records": manage.fill(state, wanted)}, 201)

    @bp.post("/mirror_node/wallet/submit")
    def submit() -> Response:
        wanted = given()
        with state.core.lock:
            return answer(wallet.submit(state, wanted))

    @bp.get("/mirror_node/airdrops")
    def airdrops() -> Response:
        with state.core.lock:
            return answer({"airdrops": list(state.airdrops.values())})

    @bp.post("/mirror_node/airdrops/<name>/claim")
    def claim(name: str) -> Response:
        with state.core.lock:
            return answer(desk.claim_airdrop(state, name), 201)


def _ledger(bp: Blueprint, state: MirrorState) -> None:
    @bp.get("/mirror_node/credits")
    def truth() -> Response:
        with state.core.lock:
            return answer(desk.truth(state, request.args.get("account")))

    @bp.get("/mirror_node/accounts")
    def accounts() -> Response:
        with state.core.lock:
            return answer({"accounts": [desk.account_row(state, num) for num in sorted(state.world.accounts)]})

    @bp.post("/mirror_node/accounts")
    def set_accounts() -> Response:
        wanted = given()
        with state.core.lock:
            return answer({"accounts": manage.set_accounts(state, wanted)}, 201)

    @bp.post("/mirror_node/tokens")
    def set_token() -> Response:
        wanted = given()
        with state.core.lock:
            return answer(entities.token_body(manage.set_token(state, wanted)), 201)

    @bp.get("/mirror_node/assets")
    def assets() -> Response:
        with state.core.lock:
            return answer({"network": state.settings.network, "assets": desk.asset_rows(state)})
