"""probe.py WHAT FOLDER: tries one tool for `make doctor` and says in one line what it did.

The emulators boot a sector of 16-bit code that speaks on port 0xE9 and COM1, so that a broken emulator is told
apart from a broken kernel. Exit status 0: it works, 3: it is off, 1: it does not work.
"""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from grader.building import sandbox as grader_sandbox  # noqa: E402
from grader.console import firmware  # noqa: E402

MESSAGE = b"mica-probe"
SECONDS = 60
IS_OFF = 3


def boot_sector() -> bytes:
    """A disk of one MB: prints MESSAGE on 0xE9 and COM1, then leaves by QEMU's exit port or stops."""
    code = bytes([0x31, 0xC0, 0x8E, 0xD8,                    # xor ax,ax; mov ds,ax
                  0xBA, 0xFB, 0x03, 0xB0, 0x03, 0xEE,        # mov dx,0x3FB; mov al,3; out dx,al: 8 data bits
                  0xBE, 0x40, 0x7C,                          # mov si,0x7C40
                  0xAC, 0x84, 0xC0, 0x74, 0x13,              # next: lodsb; test al,al; jz done
                  0xE6, 0xE9, 0x88, 0xC4,                    # out 0xE9,al; mov ah,al
                  0xBA, 0xFD, 0x03,                          # mov dx,0x3FD
                  0xEC, 0xA8, 0x20, 0x74, 0xFB,              # wait: in al,dx; test al,0x20; jz wait
                  0xB2, 0xF8, 0x88, 0xE0, 0xEE, 0xEB, 0xE8,  # mov dl,0xF8; mov al,ah; out dx,al; jmp next
                  0xB0, 0x15, 0xE6, 0xF4,                    # done: mov al,0x15; out 0xF4,al
                  0xFA, 0xF4, 0xEB, 0xFD])                   # stop: cli; hlt; jmp stop
    sector = code.ljust(0x40, b"\x90") + MESSAGE + b"\n\0"
    return (sector.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0")


def qemu(folder: Path) -> str:
    disk = folder / "probe.img"
    disk.write_bytes(boot_sector())
    ram = folder / "ram"
    done = subprocess.run(
        ["qemu-system-i386", "-accel", "tcg", "-icount", "shift=3,sleep=off", "-rtc", "base=2000-01-01,clock=vm",
         "-m", "64", "-machine", "pc,memory-backend=ram",
         "-object", f"memory-backend-file,id=ram,size=64M,mem-path={ram},share=on",
         "-display", "none", "-no-reboot", "-nic", "none", "-serial", "stdio",
         "-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-drive", f"file={disk},format=raw"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    if MESSAGE not in done.stdout or done.returncode != 2 * 0x15 + 1:
        raise RuntimeError(f"booted the probe: exit status {done.returncode}, said {done.stdout!r} {done.stderr!r}")
    if MESSAGE not in ram.read_bytes():
        raise RuntimeError("booted the probe, but guest memory cannot be read from its file")
    return "boots by the clock of its instructions; guest memory is readable"


def snapshot(folder: Path) -> str:
    image = folder / "snap.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(image), "64M"], check=True, capture_output=True)
    script = "stop\nsavevm one\nloadvm one\ninfo snapshots\nquit\n"
    done = subprocess.run(["qemu-system-i386", "-accel", "tcg", "-icount", "shift=3,sleep=off", "-m", "16", "-S",
                           "-display", "none", "-nic", "none", "-monitor", "stdio", "-serial", "none",
                           "-drive", f"file={image},format=qcow2,if=none,id=snap"],
                          input=script.encode(), capture_output=True, timeout=SECONDS)
    if b"Error" in done.stdout or b"one" not in done.stdout.split(b"info snapshots")[-1]:
        raise RuntimeError(f"savevm and loadvm: {done.stdout.decode(errors='replace')[-300:]}")
    return "savevm and loadvm work"


def bochs(folder: Path) -> str:
    disk, log, rc, config = (folder / name for name in ("bochs.img", "bochs.log", "bochs.cmd", "bochsrc"))
    disk.write_bytes(boot_sector())
    rc.write_text("c\n")
    config.write_text(f"display_library: term\nmegs: 32\nlog: {log}\nport_e9_hack: enabled=1\n{firmware.lines()}"
                      f'ata0-master: type=disk, path="{disk}", mode=flat, cylinders=2, heads=16, spt=63\n'
                      "boot: disk\npanic: action=fatal\nclock: sync=none\n"
                      f"com1: enabled=1, mode=file, dev={folder / 'com1.txt'}\n")
    pid, screen = pty.fork()
    if pid == 0:
        os.environ.update(TERM="vt100")
        os.execvp("bochs", ["bochs", "-q", "-f", str(config), "-rc", str(rc)])
    seen, end = b"", time.monotonic() + SECONDS
    try:
        while time.monotonic() < end and MESSAGE not in seen:
            ready, _, _ = select.select([screen], [], [], 1.0)
            if not ready:
                continue
            try:
                seen += os.read(screen, 65536)
            except OSError:
                break
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(screen)
    if MESSAGE not in seen:
        tail = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        raise RuntimeError("the probe did not speak\n" + "\n".join(tail))
    return "boots a disk"


class Off(Exception):
    """It is not broken, and it does not work either: what follows from that."""


def sandbox(folder: Path) -> str:
    """Asks as the grader asks."""
    if not shutil.which("bwrap"):
        why = "bubblewrap is not installed"
    elif os.environ.get("MICA_SANDBOX") == "off":
        why = "MICA_SANDBOX=off is in the environment"
    elif grader_sandbox.bwrap() is None:
        why = "bwrap may not be used here (no user namespaces)"
    else:
        return "bwrap works: students' code is compiled and run behind it"
    raise Off(f"{why}: students' code is compiled without a sandbox; for marks grade on a machine that has it")


def main(argv: "list[str]") -> int:
    try:
        print({"qemu": qemu, "snapshot": snapshot, "bochs": bochs, "sandbox": sandbox}[argv[0]](Path(argv[1])))
    except Off as off:
        print(off)
        return IS_OFF
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
