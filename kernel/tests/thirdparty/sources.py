"""sources.py: Debian's source packages, from the mirror that apt is configured with, into a cache; never into this repository.

An archive is named by its place in the mirror's pool and by its SHA-256, so all machines compile the same bytes. A mirror keeps an archive as long
as one of Debian's releases has it: these are of Debian 12.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

HELPER = "/usr/lib/apt/apt-helper"  # fetches as apt does: its proxies, its time limits
USUAL = "http://deb.debian.org/debian/"  # where apt has no mirror of Debian, or there is no apt
SECONDS = 60


class Unavailable(Exception):
    """An archive cannot be had; the message says why."""


class Changed(Exception):
    """An archive is not the one that it should be."""


@dataclass(frozen=True)
class Source:
    """An archive of Debian's pool."""

    name: str
    pool: str  # below pool/main/
    sha256: str
    folder: str  # the one folder in it
    parts: "Tuple[str, ...]" = ()  # patterns of what is unpacked of the folder; none: all

    @property
    def file(self) -> str:
        return self.pool.rsplit("/", 1)[1]


BZIP2 = Source("bzip2", "b/bzip2/bzip2_1.0.8.orig.tar.gz", "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269", "bzip2-1.0.8")
DUKTAPE = Source("duktape", "d/duktape/duktape_2.7.0.orig.tar.xz", "90f8d2fa8b5567c6899830ddef2c03f3c27960b11aca222fa17aa7ac613c2890",
                 "duktape-2.7.0", ("mandel.js", "src/*", "examples/cmdline/*", "extras/print-alert/*"))
FIGLET = Source("figlet", "f/figlet/figlet_2.2.5.orig.tar.gz", "bf88c40fd0f077dab2712f54f8d39ac952e4e9f2e1882f1195be9e5e4257417d", "figlet-2.2.5")
LUA = Source("lua", "l/lua5.4/lua5.4_5.4.4.orig.tar.gz", "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61", "lua-5.4.4")
LZIP = Source("lzip", "l/lzip/lzip_1.23.orig.tar.xz", "d269d8e204579cb7047d6187bce741acb484a27e24cf24f20cf017c48574147c", "lzip-1.23")
MUJS = Source("mujs", "m/mujs/mujs_1.3.2.orig.tar.xz", "4886593fc688b0cdccd31e5ecbe5afe7ad1bee23aa69e667b871afd5dfc640c3", "mujs-1.3.2")
MINGW = Source("mingw", "m/mingw-w64/mingw-w64_10.0.0.orig.tar.bz2", "ba6b430aed72c63a3768531f6a3ffc2b0fde2c57a3b251450dcf489a894f0894",
               "mingw-w64-v10.0.0", ("mingw-w64-crt/testcases/*",))
WINE = Source("libwine", "w/wine/libwine_8.0~repack-4_i386.deb", "c992aad6a47d81b719514f5d06c5df10267f1e40a6f4f3b4e3f655cbbf308d57", "libwine",
              tuple(f"./usr/lib/i386-linux-gnu/wine/i386-windows/{name}.exe" for name in ("find", "hostname")))  # ready-made: 95 MB for two small programs
ZLIB = Source("zlib", "z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2", "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1",
              "zlib-1.2.13.dfsg")


def cache() -> Path:
    """Where archives stay from one build to the next: $MICA_SOURCES, or the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("MICA_SOURCES") or Path(home) / "mica" / "sources")


def mirrors() -> "List[str]":
    """Debian's mirrors that apt knows, the usual one last."""
    found: "List[str]" = []
    if shutil.which("apt-get"):
        said = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=False).stdout
        found = [line for line in dict.fromkeys(said.split()) if line.rstrip("/").endswith("/debian")]
    return list(dict.fromkeys([*found, USUAL]))


def fetch(source: Source, folder: Path) -> Path:
    """The archive, in the folder. Raises Unavailable, Changed."""
    archive = folder / source.file
    if archive.exists() and _digest(archive) == source.sha256:
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    part = archive.with_name(f"{archive.name}.{os.getpid()}")
    said = ""
    try:
        for mirror in mirrors():
            said = _download(f"{mirror.rstrip('/')}/pool/main/{source.pool}", part)
            if not said:
                break
        if said:
            raise Unavailable(said)
        if _digest(part) != source.sha256:
            raise Changed(f"{source.file} has the SHA-256 {_digest(part)} instead of {source.sha256}")
        part.replace(archive)
    finally:
        part.unlink(missing_ok=True)
    return archive


def unpack(source: Source, archive: Path, folder: Path) -> Path:
    """The archive's folder, unpacked once into a folder."""
    there, done = folder / source.folder, folder / f"{source.file}.unpacked"
    if not done.exists():
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir(parents=True, exist_ok=True)
        if archive.suffix == ".deb":
            _unpack_package(source, archive, there)
            done.touch()
            return there
        parts = ["--wildcards", *(f"{source.folder}/{part}" for part in source.parts)] if source.parts else []
        subprocess.run(["tar", "-xf", str(archive), "-C", str(folder), *parts], check=True, capture_output=True, text=True)
        done.touch()
    return there


def _unpack_package(source: Source, archive: Path, to: Path) -> None:
    """The parts of a package that holds programs, all into one folder; the rest of it is not even decompressed."""
    wanted = set(source.parts)
    with archive.open("rb") as reader:
        reader.seek(8)  # "!<arch>" and the end of its line
        while header := reader.read(60):
            name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
            if name == "data.tar.xz":
                break
            reader.seek(size + size % 2, os.SEEK_CUR)
        with tarfile.open(fileobj=reader, mode="r|xz") as members:
            for member in members:
                if member.name in wanted:
                    (to / Path(member.name).name).write_bytes(members.extractfile(member).read())
                    wanted.remove(member.name)
                if not wanted:
                    return
    raise Changed(f"{source.file} has no {sorted(wanted)[0]}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _download(address: str, to: Path) -> str:
    """"" when it is there, else why not."""
    if Path(HELPER).exists():
        try:
            ended = subprocess.run([HELPER, "-oAcquire::Retries=1", "-oAcquire::http::Timeout=20", "download-file", address, str(to)],
                                   capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"{address} took more than {SECONDS} s"
        if to.exists() and ended.returncode == 0:
            return ""
        errors = [line[2:].strip() for line in ended.stderr.splitlines() if line.startswith("E:")]
        return errors[0] if errors else f"{address} cannot be read"
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as reader, to.open("wb") as writer:
            shutil.copyfileobj(reader, writer)
    except (urllib.error.URLError, OSError) as error:
        return f"{address}: {error}"
    return ""
