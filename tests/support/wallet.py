"""The stand-in wallet and its relay, as a process of its own: it pairs with the real bundle and pays on the ledger."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx

from provvypay.launcher import wallet
from provvypay.launcher.node import find_node
from provvypay.launcher.paths import ROOT
from provvypay.launcher.process import Kept
from tests.support.live import LiveApp


class StandInWallet:
    """A customer's wallet, whose owner does what the test says."""

    def __init__(self, live: LiveApp) -> None:
        """Start it where the product's pages look for the relay."""
        self._live = live
        self.url = f"http://127.0.0.1:{live.wallet_port}"
        self._process: Kept | None = None
        self.start()

    def start(self) -> None:
        """Run it, and wait until it answers."""
        command = wallet.stand_in(find_node(), self._live.wallet_port, self._live.sandbox.url)
        with (self._live.folder / "wallet.log").open("ab") as output:
            self._process = Kept(command, env={"PATH": "/usr/bin:/bin"}, cwd=ROOT, output=output, grace=5)
        self._live.wait_for(self._answers, "the stand-in wallet", seconds=30)

    def stop(self) -> None:
        """End it, and the relay with it."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def behave(self, **habits: str) -> None:
        """Let its owner do otherwise: account, network, pairing, signing."""
        self._post("habits", reset=True)
        if habits:
            self._post("habits", **habits)

    def pair(self, link: str) -> None:
        """Scan what the page shows."""
        self._post("pair", uri=link)

    @property
    def asked(self) -> list[dict[str, Any]]:
        """Every transaction it was asked to sign, oldest first."""
        asked: list[dict[str, Any]] = httpx.get(f"{self.url}/asked", timeout=5, trust_env=False).json()["asked"]
        return asked

    def _post(self, path: str, **given: object) -> None:
        answer = httpx.post(f"{self.url}/{path}", json=given, timeout=10, trust_env=False)
        assert answer.is_success, answer.text

    def _answers(self) -> bool:
        assert self._process is not None
        log = self._live.folder / "wallet.log"
        assert self._process.poll() is None, f"it ended; it said:\n{log.read_text(errors='replace')[-2000:]}"
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=2, trust_env=False).is_success
        return False
