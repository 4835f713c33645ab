"""`python -m egotap_pl`, jobs of submitit and kernels of notebooks, as shells and Jupyter call them: forks of a process
that has imported the program.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
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

words = [word for word in sys.argv[1:] if word != "-u"]
if words[:2] not in [["-m", name] for name in ("egotap_pl", "submitit.core._submit", "ipykernel_launcher")]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps([words[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(request)
    sys.exit(int(server.makefile().read() or 1))
"""


@contextmanager
def quick_python() -> Iterator[Path]:
    """The path of an executable file that takes the place of Python in `python -m egotap_pl <verb> ...`.

    The command has the caller's folder, environment and streams, and its exit status. It does not wait for imports.
    Jobs of submitit and kernels are run in the same way, and other modules by Python itself.
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
    """Run every command in a fork, several at a time."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for commands is waited for by nobody
    while True:
        connection, _ = listening.accept()
        with connection:
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(connection)
                os._exit(0)


def _answer(connection: socket.socket) -> None:
    """Run the command that a connection asks for, and send its exit status."""
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

    torch.set_num_threads(1)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    own = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [folder, *(os.path.abspath(path) for path in own)]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    try:
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        return 0
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
