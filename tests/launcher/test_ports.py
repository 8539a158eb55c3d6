"""A taken port is a sentence when somebody asked for it, and stepped over when nobody did."""

import socket

import pytest

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
