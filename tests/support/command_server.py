"""`python -m egotap_pl` as shells call it, answered by forks of a process that has imported the program."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import CONTEXT

CLIENT = """#!{python} -I
import json, os, socket, sys

assert sys.argv[1:3] == ["-m", "egotap_pl"], sys.argv
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps([sys.argv[3:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(request)
    sys.exit(int(server.makefile().read() or 1))
"""


@contextmanager
def quick_python() -> Iterator[Path]:
    """The path of an executable file that takes the place of Python in `python -m egotap_pl <verb> ...`.

    The command has the caller's folder, environment and streams, and its exit status. It does not wait for imports.
    """
    with tempfile.TemporaryDirectory() as folder:
        address, client = f"{folder}/socket", Path(folder) / "python"
        client.write_text(CLIENT.format(python=sys.executable, address=address))
        client.chmod(client.stat().st_mode | stat.S_IXUSR)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address)
            listening.listen()
            server = CONTEXT.Process(target=_serve, args=(listening,))
            server.start()
        try:
            yield client
        finally:
            server.terminate()
            server.join()


def _serve(listening: socket.socket) -> None:
    """Run one command after the other, each in a fork."""
    while True:
        connection, _ = listening.accept()
        with connection:
            head, streams, _, _ = socket.recv_fds(connection, 8, 3)
            with connection.makefile("rb") as file:
                arguments, folder, environment = json.loads(file.read(int.from_bytes(head, "big")))
            pid = os.fork()
            if pid == 0:
                os._exit(_run(arguments, folder, environment, streams))
            for stream in streams:
                os.close(stream)
            _, status = os.waitpid(pid, 0)
            connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _run(arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> int:
    """Run a command as a new process would, and return its exit status."""
    import torch

    from egotap_pl.cli.main import main

    torch.set_num_threads(1)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    own = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [folder, *(os.path.abspath(path) for path in own)]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    try:
        main(arguments)
        return 0
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
