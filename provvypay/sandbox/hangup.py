"""Hang up in the middle of a request: the fault a client sees as a lost answer."""

import contextlib
import socket

from flask import request
from werkzeug.exceptions import ServiceUnavailable


def hang_up() -> None:
    """Close the client's connection without an answer.

    :raises ServiceUnavailable: always, to leave the request; nobody reads that answer any more
    """
    connection = request.environ.get("werkzeug.socket") or request.environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        with contextlib.suppress(OSError):  # the client was faster
            connection.shutdown(socket.SHUT_RDWR)
    raise ServiceUnavailable
