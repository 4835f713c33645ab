"""What this machine's name means on its network."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"
_INTERFACES = ("lo", "lo0")  # Linux; macOS


def needed_interface() -> str | None:
    """The loopback interface, if this machine's name has no address, so that processes here can meet at no other.

    By default, processes of torch meet at the address of the machine's name.
    """
    try:
        socket.gethostbyname(socket.gethostname())
    except OSError:
        names = [name for _, name in socket.if_nameindex()]
        return next((name for name in _INTERFACES if name in names), None)
    return None
