"""The remote protocol against a scripted server: framing, escapes, acknowledgements, stop replies, lost sockets."""

from __future__ import annotations

import socket
import tempfile
import threading
import unittest
from pathlib import Path
from typing import List

from grader.errors import InfraError
from grader.machine.gdbstub import Gdbstub, Stop, checksum, _unescape

TARGET = (b'l<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><feature name="core">'
          + b"".join(b'<reg name="%s" bitsize="32"/>' % name for name in (b"eax", b"esp", b"eip", b"eflags", b"cr3"))
          + b"</feature></target>")


class Server(threading.Thread):
    """Answers packets from a table, and remembers them."""

    def __init__(self, path: str, answers: dict) -> None:
        super().__init__(daemon=True)
        self.answers = {
            b"qSupported": b"PacketSize=1000;QStartNoAckMode+",
            b"QStartNoAckMode": b"OK",
            b"qXfer": TARGET,
            b"?": b"T05",
            b"Qqemu": b"OK",
            b"g": b"01000000" + b"02000000" + b"03000000" + b"04000000" + b"xxxxxxxx",
            **answers
        }
        self.seen: List[bytes] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.start()

    def run(self) -> None:
        peer, _ = self.listener.accept()
        with self.listener, peer:
            self.serve(peer)

    def serve(self, peer: socket.socket) -> None:
        buffer = b""
        while True:
            try:
                data = peer.recv(4096)
            except OSError:
                return
            if not data:
                return
            buffer += data
            while b"#" in buffer and len(buffer) >= buffer.index(b"#") + 3:
                end = buffer.index(b"#")
                body = buffer[buffer.index(b"$") + 1:end]
                assert buffer[end + 1:end + 3] == checksum(body)
                buffer = buffer[end + 3:]
                self.seen.append(body)
                answer = next((value for key, value in self.answers.items() if body.startswith(key)), b"")
                if answer is None:
                    return
                acknowledge = b"+"
                for part in (acknowledge, b"$", answer,
                             b"#" + checksum(answer)):  # in pieces: framing must not depend on them
                    if part:
                        peer.sendall(part)


class Protocol(unittest.TestCase):
    def connect(self, **answers: bytes) -> Gdbstub:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = str(Path(folder.name) / "gdb")
        self.server = Server(path, {key.encode(): value for key, value in answers.items()})
        stub = Gdbstub(path, wall=5)
        self.addCleanup(self.server.join, 5)
        self.addCleanup(stub.close)
        return stub

    def test_registers_by_name_and_unavailable_ones(self) -> None:
        registers = self.connect().registers()
        self.assertEqual((registers["eax"], registers["esp"], registers["eip"]), (1, 2, 3))
        self.assertEqual(registers["cr3"], 0)

    def test_registers_are_set_by_number_in_target_order(self) -> None:
        stub = self.connect(P=b"OK")
        stub.set_registers(eip=0x80101040)
        stub.flush()
        self.assertIn(b"P2=40101080", self.server.seen)

    def test_unknown_register_is_refused(self) -> None:
        with self.assertRaises(InfraError):
            self.connect(P=b"OK").set_registers(rip=1)

    def test_breakpoints_are_a_set_and_never_written_to_memory(self) -> None:
        stub = self.connect(Z0=b"OK", z0=b"OK")
        stub.set_breakpoints({0x1000, 0x2000})
        stub.set_breakpoints({0x2000, 0x3000})
        stub.flush()
        packets = [packet for packet in self.server.seen if packet[:1] in b"ZzMX"]
        self.assertEqual(packets, [b"Z0,1000,1", b"Z0,2000,1", b"z0,1000,1", b"Z0,3000,1"])

    def test_changes_travel_with_the_next_question_in_their_order(self) -> None:
        stub = self.connect(P=b"OK", Z0=b"OK", vCont=b"T05thread:02;")
        stub.set_registers(eax=1)
        stub.set_breakpoints({0x1000})
        self.assertEqual([], [packet for packet in self.server.seen if packet[:1] in b"PZ"])
        self.assertEqual(1, stub.registers()["eax"], "the answer is that to the question")
        stub.set_registers(eax=2)
        stub.resume()
        self.assertEqual((Stop(5), 1), (stub.wait(5), stub.processor))
        self.assertEqual([b"P0=01000000", b"Z0,1000,1", b"g", b"P0=02000000", b"vCont;c"], self.server.seen[-5:])

    def test_a_refused_change_is_told_at_the_next_question(self) -> None:
        for ask in (lambda stub: stub.registers(), lambda stub: stub.flush(), lambda stub: (stub.resume(), stub.wait(5))):
            stub = self.connect(P=b"E22", vCont=b"T05")
            stub.set_registers(eax=1)
            with self.assertRaisesRegex(InfraError, "refused P0=01000000: E22"):
                ask(stub)

    def test_stop_replies(self) -> None:
        for reply, expected in ((b"T05thread:p01.01;", Stop(5)), (b"S02", Stop(2)), (b"T05thread:01;watch:80170000;", Stop(5, watched=0x80170000)),
                                (b"T05thread:01;rwatch:1000;", Stop(5, watched=0x1000, read=True)), (b"W00", Stop(0, exited=True))):
            with self.subTest(reply):
                stub = self.connect(vCont=reply)
                stub.resume()
                self.assertEqual(stub.wait(5), expected)

    def test_a_running_guest_gives_no_stop(self) -> None:
        stub = self.connect()
        self.assertIsNone(stub.wait(0.05))

    def test_a_closed_socket_is_the_hosts_trouble(self) -> None:
        stub = self.connect(m=None)  # type: ignore[arg-type]
        with self.assertRaises(InfraError):
            stub.read(0x1000, 4)

    def test_an_error_reply_to_a_read(self) -> None:
        with self.assertRaises(InfraError):
            self.connect(m=b"E14").read(0, 4)

    def test_a_stop_that_comes_before_an_answer_is_no_answer(self) -> None:
        """The guest stopped by itself just when the host asked it to."""
        stub = self.connect(m=b"T02thread:02;#00$01020304")
        self.assertEqual(bytes([1, 2, 3, 4]), stub.read(0, 4))
        self.assertEqual(1, stub.processor)

    def test_an_answer_that_is_no_registers_is_the_hosts_trouble(self) -> None:
        with self.assertRaisesRegex(InfraError, "no registers"):
            self.connect(g=b"E22").registers()

    def test_escapes_and_runs(self) -> None:
        self.assertEqual(_unescape(b"0* "), b"0000")
        self.assertEqual(_unescape(b"a}\x03b"), b"a#b")
        self.assertEqual(_unescape(b"plain"), b"plain")


if __name__ == "__main__":
    unittest.main()
