"""Start the sandbox from the command line: `python -m provvypay.sandbox --port 4010`."""

import argparse
import logging

from provvypay.sandbox.server import serve


def main() -> None:
    """Read the command line and serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="provvypay sandbox", description="Stand in for Stripe and CoinGecko.")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, default=4010, help="port to listen on (default 4010)")
    parser.add_argument("--state", metavar="FILE", help="JSON file to keep everything in between runs")
    parser.add_argument("--webhook-url", metavar="URL", help="where Stripe's events go; an address of this machine")
    parser.add_argument("--webhook-secret", metavar="SECRET", help="what those events are signed with, whsec_…")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    given = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if given.verbose else logging.INFO, format="%(message)s")
    try:
        serve(given.host, given.port, given.state, given.webhook_url, given.webhook_secret)
    except (ValueError, OSError) as error:
        parser.exit(1, f"The sandbox cannot start: {error}\n")


if __name__ == "__main__":
    main()
