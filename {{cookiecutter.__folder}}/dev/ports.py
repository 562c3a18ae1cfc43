"""TCP ports for servers."""

import random
import socket
from contextlib import ExitStack, suppress

from .processes import ServerError


def bound_socket(host: str, port: int = 0) -> socket.socket:
    """A socket that has a TCP port, by default any, and does not listen.

    Raises:
        OSError: The port is taken.
    """
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        found.bind((host, port))
    except OSError:
        found.close()
        raise
    return found


def free_ports(host: str, count: int) -> list[int]:
    """Find free TCP ports.

    Raises:
        ServerError: There are too few.
    """
    ports: list[int] = []
    with ExitStack() as held:
        # None of those that the system picks from: another's outgoing connection could get the port
        # of a killed server before that is started again.
        for port in random.sample(range(20_000, 32_000), 1000):
            with suppress(OSError):
                held.enter_context(bound_socket(host, port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise ServerError(f"no free ports on {host}")
