"""Free ports on the loopback address."""

from __future__ import annotations

import errno
import socket

from provvypay.launcher.trouble import CannotStartError

TRIES = 20


def free_port() -> int:
    """Return a port that was free a moment ago; the system gives another one each time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of the loopback address now."""
    return _obstacle(port) is None


def _obstacle(port: int) -> int | None:
    """Return the error number that keeps a server from listening on this port; None when nothing does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that is only cooling down is free
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return None


def choose_port(wanted: int, *, asked: bool, option: str, taken: frozenset[int] = frozenset()) -> int:
    """Return the wanted port, or the next free one if nobody asked for this very port.

    :param asked: a person named this port, so another one would surprise them
    :param option: how the port is named on the command line, for the message
    :param taken: ports promised to our own servers that do not listen yet
    :raises CannotStartError: when it is taken, or only the administrator may use it
    """
    candidates = [wanted] if asked else range(wanted, min(wanted + TRIES, 65536))
    for port in candidates:
        if port not in taken and is_free(port):
            return port
    if asked and wanted in taken:
        raise CannotStartError(
            f"Port {wanted} was given to two servers. Choose another port for one of them with {option} NUMBER."
        )
    if asked and _obstacle(wanted) in (errno.EACCES, errno.EPERM):
        raise CannotStartError(
            f"Port {wanted} is one that only the administrator may use. Choose one from 1024 on with {option} NUMBER."
        )
    if asked:
        raise CannotStartError(
            f"Port {wanted} is taken by another program. Stop that program, or choose another port with {option}"
            " NUMBER."
        )
    raise CannotStartError(
        f"Ports {wanted} to {wanted + TRIES - 1} are all taken. Choose a free one with {option} NUMBER."
    )
