"""Client of QEMU's gdbstub: registers, breakpoints, run and stop, over a Unix socket.

Every processor is a thread of the protocol's, numbered from 1; here processors are numbered from 0, as the kernel does.
A stop names the processor that met the breakpoint, and `registers` are that one's until `select` chooses another.  A
breakpoint stands for all processors; a step moves one of them and lets the others stand.
Invariants: guest memory is never patched (TCG breakpoints live in the translator, so the guest
cannot see them); the guest is stopped whenever no `resume` is outstanding; every wait is bounded.
In the books: GDB manual, "Remote Serial Protocol".
"""
from __future__ import annotations

import re
import select
import socket
import struct
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from grader.errors import InfraError
from grader.machine.qmp import PATIENCE, connect_unix

SIGTRAP, SIGINT = 5, 2
NUMBERS = {1: "B", 2: "H", 4: "I", 8: "Q"}  # sizes of integer registers; what is wider belongs to the floating-point unit


@dataclass(frozen=True)
class Stop:
    """Why the guest stopped: a signal (5 breakpoint or step, 2 asked by the host) or the end."""

    signal: int
    exited: bool = False
    watched: Optional[int] = None  # the place that was watched, where that is the reason
    read: bool = False  # it was read


def checksum(body: bytes) -> bytes:
    return b"%02x" % (sum(body) & 0xFF)


class Gdbstub:
    """One connection. Connecting stops the guest."""

    def __init__(self, path: str, wall: float = PATIENCE, alive: Callable[[], bool] = lambda: True) -> None:
        self.wall = wall
        self.breakpoints: Set[int] = set()
        self.processor = 0  # whose registers are read and written
        self.only: Optional[int] = None  # the processor that may run; None: all of them
        self.moment = 0  # another number whenever the guest may have run, or other registers are the ones to look at
        self._buffer = b""
        self._socket = connect_unix(path, wall, alive)
        self.before_running: Callable[[], None] = lambda: None
        self._owed = b""  # the acknowledgement of the last packet travels with our next one
        self._later: List[bytes] = []  # packets that change something and travel with the next question
        self._unanswered: List[bytes] = []  # of these, the ones that were sent
        self.ask(b"qSupported:swbreak+;hwbreak+;vContSupported+;xmlRegisters=i386")
        self._registers = self._describe_registers()
        self._names = [name for name, (_, _, size) in self._registers.items() if size in NUMBERS]
        self._numbers = struct.Struct("<" + "".join(NUMBERS.get(size, f"{size}x") for _, _, size in self._registers.values()))
        self._note_processor(self.ask(b"?"))
        # No interrupt and no timer during a step (1 | 2 | 4): else a pending clock interrupt gets in before the
        # instruction under a breakpoint, its handler returns there, and one arrival counts as two.
        self.ask(b"Qqemu.sstep=7")

    # -- processors ------------------------------------------------------------------------
    def processors(self) -> int:
        """How many processors the machine has."""
        found: List[bytes] = []
        reply = self.ask(b"qfThreadInfo")
        while reply.startswith(b"m"):
            found += reply[1:].split(b",")
            reply = self.ask(b"qsThreadInfo")
        return len(found)

    def select(self, processor: int) -> None:
        """Registers are those of this processor from now on, until the next stop."""
        self.moment += 1
        self._expect_ok(b"Hg%x" % (processor + 1))
        self.processor = processor

    def _note_processor(self, packet: bytes) -> None:
        match = re.search(rb"thread:([0-9a-f]+)", packet)
        if match:
            self.processor = int(match[1], 16) - 1

    # -- registers -------------------------------------------------------------------------
    def registers(self) -> Dict[str, int]:
        """All integer registers by QEMU's names: eax..edi, eip, eflags, cs, cr3, fs_base, ..."""
        reply = self.ask(b"g")
        try:
            data = bytes.fromhex(reply.replace(b"x", b"0").decode())
        except ValueError:
            raise InfraError(f"the gdbstub answers with no registers: {reply[:40]!r}") from None
        if len(data) == self._numbers.size:
            return dict(zip(self._names, self._numbers.unpack(data)))
        return {name: int.from_bytes(data[offset:offset + size], "little")
                for name, (_, offset, size) in self._registers.items() if offset + size <= len(data) and size in NUMBERS}

    def set_registers(self, **values: int) -> None:
        """Change some registers and leave the others."""
        self.moment += 1
        packets: List[bytes] = []
        for name, value in values.items():
            if name not in self._registers:
                raise InfraError(f"the emulator has no register {name}")
            number, _, size = self._registers[name]
            raw = (value & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
            packets.append(b"P%x=%s" % (number, raw.hex().encode()))
        self._expect_ok(*packets)

    # -- memory (virtual, through the current page tables) ------------------------------------
    def read(self, address: int, size: int) -> bytes:
        reply = self.ask(b"m%x,%x" % (address & 0xFFFFFFFF, size))
        if reply.startswith(b"E"):
            raise InfraError(f"the gdbstub cannot read {size} bytes at {address:#010x}")
        return bytes.fromhex(reply.decode())

    def write(self, address: int, data: bytes) -> None:
        self.moment += 1
        self._expect_ok(b"M%x,%x:%s" % (address & 0xFFFFFFFF, len(data), data.hex().encode()))

    def write_physical(self, *pieces: Tuple[int, bytes]) -> None:
        """To physical addresses, devices' registers too, in this order: done when this returns."""
        self.moment += 1
        self._expect_ok(b"Qqemu.PhyMemMode:1", *(b"M%x,%x:%s" % (address & 0xFFFFFFFF, len(data), data.hex().encode())
                                                 for address, data in pieces), b"Qqemu.PhyMemMode:0")
        self.flush()

    # -- breakpoints -------------------------------------------------------------------------
    def set_breakpoints(self, wanted: Set[int]) -> None:
        """Make exactly these breakpoints exist."""
        gone, new = sorted(self.breakpoints - wanted), sorted(wanted - self.breakpoints)
        self._expect_ok(*(b"z0,%x,1" % address for address in gone), *(b"Z0,%x,1" % address for address in new))
        self.breakpoints = set(wanted)

    def insert_breakpoint(self, address: int) -> None:
        self.set_breakpoints(self.breakpoints | {address})

    def watch_writes(self, address: int, size: int) -> None:
        """Stop behind every instruction that writes there."""
        self._expect_ok(b"Z2,%x,%x" % (address, size))

    def unwatch_writes(self, address: int, size: int) -> None:
        self._expect_ok(b"z2,%x,%x" % (address, size))

    def watch_reads(self, address: int, size: int) -> None:
        """Stop behind every instruction that reads there as data."""
        self._expect_ok(b"Z3,%x,%x" % (address, size))

    def unwatch_reads(self, address: int, size: int) -> None:
        self._expect_ok(b"z3,%x,%x" % (address, size))

    # -- running -------------------------------------------------------------------------------
    def resume(self) -> None:
        """Let the guest run; `wait` reports how it stopped.  With `only`, that processor alone: the others stand still."""
        self.before_running()
        self.moment += 1
        self._send(b"vCont;c" if self.only is None else b"vCont;c:%x" % (self.only + 1))

    def step(self) -> Stop:
        """One instruction of the selected processor; the others stand still."""
        self.before_running()
        self.moment += 1
        self._send(b"vCont;s:%x" % (self.processor + 1))
        stop = self.wait(self.wall)
        if stop is None:
            raise InfraError("the emulator did not finish a single step")
        return stop

    def wait(self, seconds: float) -> Optional[Stop]:
        """The stop reply, or None when none came within that wall time."""
        self._settle()
        deadline = time.monotonic() + seconds
        while True:
            packet = self._receive(max(0.0, deadline - time.monotonic()))
            if packet is None:
                return None
            kind = packet[:1]
            if kind in b"TS":
                self._note_processor(packet)
                watched = re.search(rb"(r?)watch:([0-9a-f]+)", packet)
                return Stop(int(packet[1:3], 16), watched=int(watched[2], 16) if watched else None, read=bool(watched and watched[1]))
            if kind in b"WX":
                return Stop(int(packet[1:3] or b"0", 16), exited=True)

    def interrupt(self) -> Stop:
        """Stop a running guest at a host-chosen moment (not a deterministic one)."""
        self._raw(b"\x03")
        stop = self.wait(self.wall)
        if stop is None:
            raise InfraError("the emulator did not stop when asked")
        return stop

    def leave(self) -> None:
        """Close the connection and leave the guest stopped, without breakpoints."""
        self.set_breakpoints(set())
        self.flush()
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

    # -- protocol ------------------------------------------------------------------------------
    def ask(self, body: bytes) -> bytes:
        """Send one packet and return the body of its answer."""
        return self._ask_all([body])[0]

    def flush(self) -> None:
        """Whatever was asked for is done: needed before anybody looks at the processors by another way than this."""
        self._send()
        self._settle()

    def _ask_all(self, bodies: Sequence[bytes]) -> List[bytes]:
        """Send packets at once and return their answers in order."""
        self._send(*bodies)
        self._settle()
        return [self._answer(body) for body in bodies]

    def _answer(self, body: bytes) -> bytes:
        reply = self._receive(self.wall)
        while reply is not None and reply[:1] in (b"T", b"S") and body != b"?":
            self._note_processor(reply)  # the guest stopped by itself just when it was asked to: no answer
            reply = self._receive(self.wall)
        if reply is None:
            raise InfraError(f"the gdbstub did not answer {body[:20]!r}")
        return reply

    def _expect_ok(self, *bodies: bytes) -> None:
        """Packets that are answered with OK.  They travel with the next packet that asks for more: the guest stands meanwhile."""
        self._later += bodies

    def _settle(self) -> None:
        """Read what the packets before the last question were answered."""
        while self._unanswered:
            body = self._unanswered.pop(0)
            reply = self._answer(body)
            if reply != b"OK":
                raise InfraError(f"the gdbstub refused {body[:24].decode()}: {reply.decode()}")

    def _describe_registers(self) -> Dict[str, Tuple[int, int, int]]:
        """name -> (number, offset in the g packet, size), from the target description."""
        layout: Dict[str, Tuple[int, int, int]] = {}
        number = offset = 0
        queue: List[str] = ["target.xml"]
        while queue:
            root = ElementTree.fromstring(self._read_feature(queue.pop(0)))
            for node in root.iter():
                tag = node.tag.rpartition("}")[2]
                if tag == "include":
                    queue.append(node.attrib["href"])
                elif tag == "reg":
                    number = int(node.attrib.get("regnum", number))
                    size = int(node.attrib["bitsize"]) // 8
                    layout[node.attrib["name"]] = (number, offset, size)
                    number, offset = number + 1, offset + size
        for needed in ("eax", "esp", "eip", "eflags", "cr3"):
            if needed not in layout:
                raise InfraError(
                    f"this QEMU's gdbstub does not describe register {needed}; QEMU 6.2 or newer is needed")
        return layout

    def _read_feature(self, name: str) -> str:
        text = b""
        while True:
            part = self.ask(b"qXfer:features:read:%s:%x,ffb" % (name.encode(), len(text)))
            text += part[1:]
            if part[:1] != b"m":
                break
        body = text.decode()
        return re.sub(r"<!DOCTYPE[^>]*>", "", body).replace("xi:include", "include")

    def _send(self, *bodies: bytes) -> None:
        """Over a Unix socket nothing is lost: the peer's acknowledgements are skipped, ours are sent with the next
        packet."""
        packets = [*self._later, *bodies]
        if packets:
            self._unanswered += self._later
            self._later = []
            self._raw(self._owed + b"".join(b"$" + body + b"#" + checksum(body) for body in packets))
            self._owed = b""

    def _raw(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise InfraError(f"the gdbstub's socket is gone ({error})") from error

    def _receive(self, seconds: float) -> Optional[bytes]:
        deadline = time.monotonic() + seconds
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start + 1)
            if start >= 0 and 0 <= end <= len(self._buffer) - 3:
                body = self._buffer[start + 1:end]
                self._buffer = self._buffer[end + 3:]
                self._owed = b"+"
                return _unescape(body)
            if not self._fill(deadline - time.monotonic()):
                return None

    def _fill(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._socket], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            data = self._socket.recv(65536)
        except OSError as error:
            raise InfraError(f"the gdbstub's socket is gone ({error})") from error
        if not data:
            raise InfraError("QEMU closed the gdbstub's socket")
        self._buffer += data
        return True


def _unescape(body: bytes) -> bytes:
    """Undo RSP's run-length (`c*n`) and escape (`}x`) encodings."""
    if b"*" not in body and b"}" not in body:
        return body
    out = bytearray()
    index = 0
    while index < len(body):
        byte = body[index]
        if byte == 0x7D:
            index += 1
            out.append(body[index] ^ 0x20)
        elif byte == 0x2A:
            index += 1
            out.extend(out[-1:] * (body[index] - 29))
        else:
            out.append(byte)
        index += 1
    return bytes(out)
