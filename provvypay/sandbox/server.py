"""Serve the sandbox over HTTP: in the foreground until a signal comes, or inside a test's own process."""

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from provvypay.sandbox.app import Sandbox, create_sandbox

LOOPBACK = ("127.0.0.1", "localhost", "::1")
log = logging.getLogger("provvypay.sandbox.requests")


class _QuietHandler(WSGIRequestHandler):
    """Logs requests through logging, so that whoever runs the sandbox decides whether to see them."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (the parent's name)
        level = logging.DEBUG if type == "info" else logging.WARNING
        log.log(level, message.rstrip(), *args)


@dataclass(frozen=True)
class Running:
    """A sandbox that answers at an address."""

    url: str
    """Base address without a slash at the end."""
    sandbox: Sandbox


def serve(
    host: str,
    port: int,
    state_file: str | Path | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then stop cleanly: no thread left, the snapshot written.

    :raises ValueError: for a host that is not loopback, or a state file that cannot be read
    :raises OSError: when the port is taken
    """
    server, sandbox = _prepared(host, port, state_file, webhook_url, webhook_secret)

    def stop(*_: object) -> None:
        # shutdown() waits for serve_forever(), which runs in this very thread
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stderr.write(f"Sandbox at http://{host}:{server.server_port}/\n")
    sys.stderr.flush()
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        sandbox.stop()


@contextlib.contextmanager
def running(
    *,
    port: int = 0,
    state_file: str | Path | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
) -> Iterator[Running]:
    """Serve in a background thread of this process for as long as the context lasts.

    :param port: 0 takes a free one
    """
    server, sandbox = _prepared("127.0.0.1", port, state_file, webhook_url, webhook_secret)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Running(f"http://127.0.0.1:{server.server_port}", sandbox)
    finally:
        server.shutdown()
        thread.join(timeout=5)
        server.server_close()
        sandbox.stop()


def _prepared(
    host: str, port: int, state_file: str | Path | None, webhook_url: str | None, webhook_secret: str | None
) -> tuple[BaseWSGIServer, Sandbox]:
    if host not in LOOPBACK:
        raise ValueError(f"The sandbox listens on this machine only, not on {host}: use 127.0.0.1.")
    app = create_sandbox(state_file=state_file, webhook_url=webhook_url, webhook_secret=webhook_secret)
    sandbox: Sandbox = app.extensions["sandbox"]
    try:
        server = make_server(host, port, app, threaded=True, request_handler=_QuietHandler)
    except SystemExit as error:  # how werkzeug leaves when it cannot bind
        sandbox.stop()
        raise OSError(f"port {port} of {host} cannot be used") from error
    return server, sandbox
