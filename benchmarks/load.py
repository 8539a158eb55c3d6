"""A small HTTP load generator: closed loop, keep-alive, raw sockets and one epoll thread, on loopback only.

It shares the cores with what it measures, so it does as little as an HTTP client may: it sends bytes made beforehand,
finds the end of each answer, and checks its status. The next request goes out when the last answer is whole.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

HOST = "127.0.0.1"
ANSWER_SECONDS = 10.0
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    head: str
    body: bytes


@dataclass(slots=True)
class Outcome:
    """What a closed loop saw."""

    count: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    """seconds, in the order of arrival"""

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


def request(port: int, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> bytes:
    """Return a request's bytes: GET, or POST when there is a body."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {HOST}:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + _END + (body or b"")


class Connection:
    """One keep-alive connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, sent: bytes) -> Answer:
        """Send a request and wait for its whole answer.

        :raises ConnectionError: when the server hangs up
        """
        self.socket.sendall(sent)
        buffer = b""
        while True:
            received = self.socket.recv(65536)
            if not received:
                raise ConnectionError("the server hung up")
            buffer += received
            length = _whole(buffer)
            if length is not None and len(buffer) >= length:
                head, _, body = buffer.partition(_END)
                return Answer(_status(buffer), head.decode("latin-1"), body)

    def close(self) -> None:
        self.socket.close()


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask once, on a connection of its own."""
    connection = Connection(port)
    try:
        return connection.ask(request(port, path, headers))
    finally:
        connection.close()


def closed_loop(port: int, sent: bytes, *, expect: int, connections: int, seconds: float) -> Outcome:
    """Ask the same again and again on some connections for some seconds, and at least until the first answer.

    :param expect: the status every answer must have
    :raises RuntimeError: for any other status, or when no answer comes in time
    """
    waiting = selectors.EpollSelector()
    opened = [Connection(port) for _ in range(connections)]
    buffers = dict.fromkeys((c.socket.fileno() for c in opened), b"")
    started_at: dict[int, float] = {}
    outcome = Outcome(0, 0.0)
    try:
        begin = time.perf_counter()
        until = begin + seconds
        for connection in opened:
            waiting.register(connection.socket, selectors.EVENT_READ)
            started_at[connection.socket.fileno()] = time.perf_counter()
            connection.socket.sendall(sent)
        while time.perf_counter() < until or not outcome.count:
            events = waiting.select(timeout=ANSWER_SECONDS)
            if not events:
                raise RuntimeError(f"no answer within {ANSWER_SECONDS} s")
            for key, _ in events:
                channel, number = key.fileobj, key.fd
                assert isinstance(channel, socket.socket)
                received = channel.recv(65536)
                if not received:
                    raise RuntimeError("the server hung up in the middle of a run")
                buffer = buffers[number] + received
                length = _whole(buffer)
                if length is None or len(buffer) < length:
                    buffers[number] = buffer
                    continue
                if _status(buffer) != expect:
                    raise RuntimeError(f"{buffer[:200]!r} instead of {expect}")
                buffers[number] = b""
                now = time.perf_counter()
                outcome.count += 1
                outcome.latencies.append(now - started_at[number])
                started_at[number] = now
                channel.sendall(sent)
        outcome.seconds = time.perf_counter() - begin
    finally:
        waiting.close()
        for connection in opened:
            connection.close()
    return outcome


def _status(buffer: bytes) -> int:
    return int(buffer[9:12])


def _whole(buffer: bytes) -> int | None:
    """Return how long the answer will be, or None while its head is not whole. Chunked answers are not understood."""
    end = buffer.find(_END)
    if end < 0:
        return None
    head = buffer[:end].lower()
    found = head.find(b"\r\ncontent-length:")
    if found < 0:
        if b"\r\ntransfer-encoding:" in head:
            raise RuntimeError("a chunked answer: its length is not known beforehand")
        return end + 4
    line = head.find(b"\r\n", found + 2)
    return end + 4 + int(head[found + 17 : line if line > 0 else end])
