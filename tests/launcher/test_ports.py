"""A taken port is a sentence when somebody asked for it, and stepped over when nobody did."""

import errno
import socket

import pytest

from provvypay.launcher import ports
from provvypay.launcher.ports import choose_port, free_port, is_free
from provvypay.launcher.trouble import CannotStartError


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_was_asked_for_and_is_taken_is_named_with_what_to_do(taken):
    with pytest.raises(CannotStartError, match=f"Port {taken} is taken .* another port with --port NUMBER"):
        choose_port(taken, asked=True, option="--port")


def test_a_default_that_is_taken_gives_way_to_the_next_free_one(taken):
    chosen = choose_port(taken, asked=False, option="--port")

    assert taken < chosen < taken + 20
    assert is_free(chosen)


def test_a_port_promised_to_another_server_of_ours_is_stepped_over():
    port = free_port()

    assert choose_port(port, asked=False, option="--port", taken=frozenset({port})) > port


def test_a_port_asked_for_twice_is_not_blamed_on_another_program():
    port = free_port()

    with pytest.raises(CannotStartError, match=f"Port {port} was given to two servers. .* --sandbox-port NUMBER"):
        choose_port(port, asked=True, option="--sandbox-port", taken=frozenset({port}))


def test_a_port_of_the_administrators_is_said_to_be_one(monkeypatch):
    # as the system answers an ordinary user; tests may run as one who may
    def refuse(self, address):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(ports.socket, "socket", type("Refused", (socket.socket,), {"bind": refuse}))

    with pytest.raises(
        CannotStartError, match=r"Port 80 is one that only the administrator may use\. .* --port NUMBER"
    ):
        choose_port(80, asked=True, option="--port")
