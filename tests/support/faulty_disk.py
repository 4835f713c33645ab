"""A disk that fails when it is told to: a folder seen through FUSE, served by a process of its own.

It shows the files of another folder. Mounting needs the rights of root and /dev/fuse. The kernel's interface is that of
linux/fuse.h, version 7.31; libfuse is not needed.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

GROWS = frozenset({"setattr", "mkdir", "create", "write", "symlink", "link"})
CHANGES = GROWS | {"unlink", "rmdir", "rename", "rename2", "open_to_write", "fsync"}
FAULTS = {
    "full": errno.ENOSPC,
    "over quota": errno.EDQUOT,
    "read-only": errno.EROFS,
    "failing": errno.EIO,
    "stale": errno.ESTALE,
    "vanished": errno.ENOTCONN,
}
"""Ways in which a disk fails, with the error of the operating system."""


class CannotMount(Exception):
    """Raised where a user may not mount a disk."""


class FaultyDisk:
    """A disk that is mounted.

    Args:
        folder: an empty folder, where it is mounted.
        backing: the folder whose files it shows.

    Raises:
        CannotMount: if this user may not.
    """

    def __init__(self, folder: Path, backing: Path) -> None:
        self.folder, self.backing = folder, backing
        self._mount()

    def fail(self, fault: str, after: int = 0) -> None:
        """Let the disk fail from now on.

        Args:
            fault: a name of `FAULTS`.
            after: how many operations still succeed, counted among those that the fault concerns.
        """
        self._ask({"fault": fault, "after": after})

    def operations(self, fault: str) -> int:
        """The number of operations so far that a fault would concern."""
        return int(self._ask({"count": fault}))

    def mend(self) -> None:
        """End the fault. The files are those that were there before, and those that were written since."""
        try:
            os.stat(self.folder)
        except OSError as error:
            if error.errno in (errno.ENOTCONN, errno.ECONNABORTED):  # vanished
                self.unmount()
                self._mount()
        self._ask({"fault": None})

    def unmount(self) -> None:
        """Take the disk away."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)
        self._server.kill()
        self._server.communicate()

    def _mount(self) -> None:
        command = [sys.executable, "-S", __file__, str(self.folder), str(self.backing)]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        if self._server.stdout.readline() != "ready\n":
            self._server.communicate()
            raise CannotMount

    def _ask(self, order: dict[str, Any]) -> str:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return self._server.stdout.readline()


def concerns(fault: str, name: str) -> bool:
    """Whether a fault lets an operation fail."""
    if name in ("release", "releasedir", "flush", "init"):
        return False
    if fault in ("full", "over quota"):
        return name in GROWS
    return fault != "read-only" or name in CHANGES


class Request(NamedTuple):
    """What the kernel asks."""

    node: int
    body: bytes

    def numbers(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack_from(f"<{layout}", self.body)

    def name(self, offset: int = 0) -> bytes:
        return self.body[offset:].split(b"\0")[0]


class Server:
    """Answers the kernel.

    Args:
        folder: where the disk is mounted.
        backing: the folder whose files it shows.
    """

    def __init__(self, folder: str, backing: str) -> None:
        self.backing = os.fsencode(backing)
        self.places: dict[int, tuple[int, bytes]] = {1: (0, b"")}
        self.ids: dict[tuple[int, bytes], int] = {}
        self.counts: dict[str, int] = {}
        self.fault: str | None = None
        self.after = 0
        self.device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"faulty", os.fsencode(folder), b"fuse.faulty", 0, options.encode()):
            sys.exit(3)
        self.calls: dict[int, Callable[[Request], bytes]] = {
            1: self.lookup,
            3: self.getattr,
            4: self.setattr,
            5: self.readlink,
            6: self.symlink,
            9: self.mkdir,
            10: self.unlink,
            11: self.rmdir,
            12: self.rename,
            13: self.link,
            14: self.open,
            15: self.read,
            16: self.write,
            17: self.statfs,
            18: self.release,
            20: self.fsync,
            25: self.flush,
            26: self.init,
            27: self.opendir,
            28: self.readdir,
            29: self.flush,
            30: self.flush,
            35: self.create,
            45: self.rename2,
        }

    def serve(self) -> None:
        """Answer until the disk is unmounted."""
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            ready, _, _ = select.select([self.device, sys.stdin], [], [])
            if sys.stdin in ready:
                self.obey(sys.stdin.readline())
            if self.device in ready:
                try:
                    self.answer(os.read(self.device, 2**20))
                except OSError as error:
                    if error.errno == errno.ENODEV:
                        return
                    if error.errno not in (errno.ENOENT, errno.EINTR, errno.EAGAIN):  # the caller has been killed
                        raise

    def obey(self, line: str) -> None:
        """Do what the test says."""
        if not line:
            sys.exit(0)
        order, answer = json.loads(line), "done"
        if "count" in order:
            answer = str(sum(n for name, n in self.counts.items() if concerns(order["count"], name)))
        else:
            self.fault, self.after = order["fault"], order.get("after", 0)
            if self.fault == "vanished" and not self.after:
                answer = "gone"
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()
        if answer == "gone":
            os._exit(0)

    def answer(self, message: bytes) -> None:
        """Answer one request."""
        _, code, unique, node = struct.unpack_from("<IIQQ", message)
        if code in (2, 36, 38, 42):  # forget, interrupt, destroy: no answer
            return
        result, body = -errno.ENOSYS, b""
        if (call := self.calls.get(code)) is not None:
            request = Request(node, message[40:])
            try:
                self.meet(call.__name__, request)
                result, body = 0, call(request)
            except OSError as error:
                result = -(error.errno or errno.EIO)
        os.write(self.device, struct.pack("<IiQ", 16 + len(body), result, unique) + body)

    def meet(self, name: str, request: Request) -> None:
        """Count an operation, and fail if it is time."""
        if name == "open" and request.numbers("I")[0] & (os.O_WRONLY | os.O_RDWR):
            name = "open_to_write"
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.fault is None or not concerns(self.fault, name):
            return
        self.after -= 1
        if self.after < 0:
            if self.fault == "vanished":
                os._exit(0)
            raise OSError(FAULTS[self.fault], "")

    def path(self, node: int, name: bytes = b"") -> bytes:
        parts = [name] if name else []
        while node > 1:
            node, part = self.places[node]
            parts.append(part)
        return os.path.join(self.backing, *reversed(parts)) if not node or node == 1 else b""

    def entry(self, parent: int, name: bytes) -> bytes:
        attributes = pack(os.lstat(self.path(parent, name)))
        if (node := self.ids.get((parent, name))) is None:
            node = self.ids[parent, name] = max(self.places) + 1
            self.places[node] = parent, name
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + attributes

    def drop(self, parent: int, name: bytes) -> None:
        if (node := self.ids.pop((parent, name), None)) is not None:
            self.places[node] = 1, b".gone"

    def init(self, _: Request) -> bytes:
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, 2**17, 0, 12, 9, 2**17, 1, 0, 0, 0)

    def lookup(self, request: Request) -> bytes:
        return self.entry(request.node, request.name())

    def getattr(self, request: Request) -> bytes:
        flags, _, file = request.numbers("IIQ")
        found = os.fstat(file) if flags & 1 else os.lstat(self.path(request.node))
        return bytes(16) + pack(found)

    def setattr(self, request: Request) -> bytes:
        valid, _, file, size, _, atime, mtime = request.numbers("IIQQQQQ")
        target: Any = file if valid & 64 else self.path(request.node)
        if valid & 8:
            os.truncate(target, size)
        if valid & 1:
            os.chmod(target, stat.S_IMODE(request.numbers("68xI")[0]))
        if valid & 48 and not valid & 384:
            os.utime(target, (atime, mtime))
        return bytes(16) + pack(os.stat(target))

    def mkdir(self, request: Request) -> bytes:
        os.mkdir(self.path(request.node, request.name(8)), request.numbers("I")[0])
        return self.entry(request.node, request.name(8))

    def symlink(self, request: Request) -> bytes:
        name, target, _ = request.body.split(b"\0", 2)
        os.symlink(target, self.path(request.node, name))
        return self.entry(request.node, name)

    def readlink(self, request: Request) -> bytes:
        return os.readlink(self.path(request.node))

    def link(self, request: Request) -> bytes:
        os.link(self.path(request.numbers("Q")[0]), self.path(request.node, request.name(8)))
        return self.entry(request.node, request.name(8))

    def unlink(self, request: Request) -> bytes:
        os.unlink(self.path(request.node, request.name()))
        self.drop(request.node, request.name())
        return b""

    def rmdir(self, request: Request) -> bytes:
        os.rmdir(self.path(request.node, request.name()))
        self.drop(request.node, request.name())
        return b""

    def rename(self, request: Request, start: int = 8) -> bytes:
        old, new, _ = request.body[start:].split(b"\0", 2)
        to = request.numbers("Q")[0]
        os.rename(self.path(request.node, old), self.path(to, new))
        self.drop(to, new)
        if (node := self.ids.pop((request.node, old), None)) is not None:
            self.ids[to, new], self.places[node] = node, (to, new)
        return b""

    def rename2(self, request: Request) -> bytes:
        if request.numbers("QI")[1]:
            raise OSError(errno.EINVAL, "")
        return self.rename(request, 16)

    def create(self, request: Request) -> bytes:
        flags, mode = request.numbers("II")
        name = request.name(16)
        file = os.open(self.path(request.node, name), flags | os.O_CREAT, mode & 0o7777)
        return self.entry(request.node, name) + struct.pack("<QII", file, 1, 0)

    def open(self, request: Request) -> bytes:
        return struct.pack("<QII", os.open(self.path(request.node), request.numbers("I")[0] & ~os.O_APPEND), 1, 0)

    def read(self, request: Request) -> bytes:
        file, offset, size = request.numbers("QQI")
        return os.pread(file, size, offset)

    def write(self, request: Request) -> bytes:
        file, offset, size = request.numbers("QQI")
        return struct.pack("<II", os.pwrite(file, request.body[40 : 40 + size], offset), 0)

    def statfs(self, _: Request) -> bytes:
        disk = os.statvfs(self.backing)
        numbers = (disk.f_blocks, disk.f_bfree, disk.f_bavail, disk.f_files, disk.f_ffree)
        return struct.pack("<QQQQQIII28x", *numbers, disk.f_bsize, 255, disk.f_frsize)

    def release(self, request: Request) -> bytes:
        os.close(request.numbers("Q")[0])
        return b""

    def flush(self, _: Request) -> bytes:
        return b""

    def fsync(self, _: Request) -> bytes:
        return b""

    def opendir(self, _: Request) -> bytes:
        return bytes(16)

    def readdir(self, request: Request) -> bytes:
        _, offset, size = request.numbers("QQI")
        names, out = sorted(os.listdir(self.path(request.node))), b""
        for number, name in enumerate(names[offset:], offset + 1):
            entry = struct.pack("<QQII", 1, number, len(name), 0) + name
            entry += bytes(-len(entry) % 8)
            if len(out) + len(entry) > size:
                break
            out += entry
        return out


def pack(found: os.stat_result) -> bytes:
    """Attributes of a file, as the kernel wants them."""
    seconds = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
    rest = (found.st_mode, found.st_nlink, found.st_uid, found.st_gid, found.st_rdev, found.st_blksize, 0)
    return struct.pack(
        "<6Q10I",
        found.st_ino,
        found.st_size,
        found.st_blocks,
        *seconds,
        found.st_atime_ns % 10**9,
        found.st_mtime_ns % 10**9,
        found.st_ctime_ns % 10**9,
        *rest,
    )


if __name__ == "__main__":
    Server(*sys.argv[1:]).serve()
