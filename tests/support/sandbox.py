"""The sandbox's control door, in the words of a test."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx

# Nothing in a test waits for a vendor longer than it must.
BRISK = {
    "fee_delay_seconds": 0.05,
    "redirect_wait_seconds": 1,
    "delivery_timeout_seconds": 5,
    "retry_schedule_seconds": [0.1, 0.2, 0.5],
    "settlement_currencies": None,
    "exchange_rates": {},
    "rate_limit_per_second": None,
}


# A mirror node on a good day.
PUNCTUAL = {
    "network": "testnet", "lag_seconds": 0, "stalled": False, "window_days": 60, "fee_style": "single",
    "rate_limit_per_second": None, "retry_after": None,
}  # fmt: skip


class SandboxControl:
    """What a customer, the card company and the weather do."""

    def __init__(self, url: str) -> None:
        """Talk to the sandbox at an address."""
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def get(self, path: str) -> Any:
        """Read from the control door."""
        return self._answer(self._http.get(f"/_control{path}"))

    def delete(self, path: str) -> Any:
        """Undo something through the control door."""
        return self._answer(self._http.delete(f"/_control{path}"))

    def post(self, path: str, **body: Any) -> Any:
        """Do something through the control door."""
        return self._answer(self._http.post(f"/_control{path}", json=body))

    def pay(self, checkout: str, card: str = "4242424242424242", **typed: Any) -> dict[str, Any]:
        """Pay as a customer would; a refused card is an answer too.

        :param checkout: the address of the hosted page, or the session's id
        """
        session_id = urlsplit(checkout).path.rsplit("/", 1)[-1]
        answer = self._http.post(f"/_control/stripe/sessions/{session_id}/pay", json={"card": card, **typed})
        assert answer.status_code in {200, 409}, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def drain(self, **more: Any) -> list[dict[str, Any]]:
        """Wait until every webhook was sent, late fees included; return the deliveries."""
        if more.get("fees", True):
            # They come now: a clock that was set forward may have put them off by hours.
            self.post("/stripe/fees/settle")
        answer = self.post("/stripe/deliveries/drain", **{"fees": True, "timeout_seconds": 15, **more})
        assert answer["idle"], f"webhooks still wait: {self.get('/stripe/deliveries')}"[:2000]
        deliveries: list[dict[str, Any]] = answer["deliveries"]
        return deliveries

    def events(self) -> list[dict[str, Any]]:
        """Return every event Stripe has made."""
        found: list[dict[str, Any]] = self.get("/stripe/events")["events"]
        return found

    def fault(self, **wanted: Any) -> Any:
        """Switch a fault on, until the end of the test."""
        return self.post("/faults", **wanted)

    def calm(self) -> None:
        """Undo what a test did to the weather: faults, held webhooks, the clock, rates."""
        for path in ("faults", "rates", "mirror_node/exchange-rate"):
            self._answer(self._http.delete(f"/_control/{path}"))
        self.post("/clock", offset_seconds=0, signature_offset_seconds=0)
        self.post("/mirror_node/settings", **PUNCTUAL)
        self.post("/stripe/settings", **BRISK)
        self.post("/xero/settings", minute_limit=100_000, day_limit=100_000, slow_milliseconds=0)
        if self.get("/stripe/deliveries")["held"]:
            self.post("/stripe/release")
        # A fee that was due by a clock set forward would keep whoever drains next waiting for hours.
        self.post("/stripe/fees/settle")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @staticmethod
    def _answer(answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json()
