"""QMP client: QEMU's JSON control socket, one command at a time, events kept in order.

Invariants: the socket is a Unix one owned by this run; every wait has a wall-clock bound that
guards the host and never decides a verdict (`InfraError`).
"""
from __future__ import annotations

import json
import socket
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, Optional

from grader.errors import InfraError

Message = Dict[str, Any]
HUMAN = "human-monitor-command"
PATIENCE = 120.0  # seconds for one answer: a busy host gets long; that QEMU ended is seen at once


class QmpError(InfraError):
    """QEMU refused a command."""


class Qmp:
    """A connected and negotiated QMP session."""

    def __init__(self, path: str, wall: float = PATIENCE, alive: Callable[[], bool] = lambda: True) -> None:
        self.wall = wall
        self.before: Callable[[], None] = lambda: None  # called before each command: what was asked for by other ways is done then
        self.events: Deque[Message] = deque()
        self._buffer = b""
        self._socket = connect_unix(path, wall, alive)
        self._next_message(time.monotonic() + wall)  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one command and return its result; events that arrive meanwhile are queued."""
        request: Message = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        self._send(json.dumps(request).encode() + b"\n")
        return self._result(command)

    def monitor(self, *lines: str) -> str:
        """Run human-monitor commands, sent at once; their text is the result (empty when they worked silently)."""
        self._send(b"".join(json.dumps({"execute": HUMAN, "arguments": {"command-line": line}}).encode() + b"\n" for line in lines))
        return "".join([self._result(HUMAN) for _ in lines])

    def _send(self, data: bytes) -> None:
        self.before()
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise InfraError(f"QEMU's control socket is gone ({error})") from error

    def _result(self, command: str) -> Any:
        deadline = time.monotonic() + self.wall
        while True:
            message = self._next_message(deadline)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise QmpError(f"QEMU refused {command}: {message['error'].get('desc', '?')}")
            elif "return" in message:
                return message["return"]

    def icount(self) -> int:
        """Guest instructions since power-on (needs -icount)."""
        return int(self.execute("query-replay")["icount"])

    def poll_event(self, *names: str) -> Optional[Message]:
        """Take the oldest queued event of one of these names, if one has arrived."""
        self._drain()
        for message in self.events:
            if message["event"] in names:
                self.events.remove(message)
                return message
        return None

    def wait_event(self, name: str) -> Message:
        """Take the next event of that name, waiting for it."""
        deadline = time.monotonic() + self.wall
        while True:
            message = self.poll_event(name)
            if message is not None:
                return message
            message = self._next_message(deadline)
            if "event" in message:
                self.events.append(message)

    def close(self) -> None:
        self._socket.close()

    def _drain(self) -> None:
        while True:
            message = self._take_line()
            if message is not None:
                if "event" in message:
                    self.events.append(message)
                continue
            self._socket.setblocking(False)
            try:
                data = self._socket.recv(65536)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                return
            finally:
                self._socket.setblocking(True)
            if not data:
                return
            self._buffer += data

    def _next_message(self, deadline: float) -> Message:
        while True:
            message = self._take_line()
            if message is not None:
                return message
            left = deadline - time.monotonic()
            if left <= 0:
                raise InfraError("QEMU's control socket did not answer in time")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except socket.timeout as error:
                raise InfraError("QEMU's control socket did not answer in time") from error
            except OSError as error:
                raise InfraError(f"QEMU's control socket is gone ({error})") from error
            if not data:
                raise InfraError("QEMU closed its control socket")
            self._buffer += data

    def _take_line(self) -> Optional[Message]:
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return None
        self._buffer = rest
        return json.loads(line) if line.strip() else self._take_line()


def connect_unix(path: str, wall: float, alive: Callable[[], bool] = lambda: True) -> socket.socket:
    """Connect to a Unix socket that a starting process is about to create."""
    deadline = time.monotonic() + wall
    while True:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            client.connect(path)
            return client
        except OSError as error:
            client.close()
            if time.monotonic() > deadline or not alive():
                raise InfraError(f"no answer on {path}: {error.strerror}") from error
            time.sleep(0.005)
