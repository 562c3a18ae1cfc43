"""What was not sent is thrown away with its connection, so that no write comes late.

A connection that is given up is closed, and the write is sent again by another one. The system
would go on sending what the closed one still held, once the network or the server lets it: an old
write would then replace a newer one that was answered. With a linger of 0 seconds (socket(7),
SO_LINGER) it ends the connection with a reset instead, and sends nothing more. Where nothing is
left to send, as after an answer, that makes no difference.

That holds for what is still on this host. What is on its way, or what a proxy or the server's own
system has taken before the reset, may still be carried out: a server that was frozen finds it when
it goes on.
"""

import socket
import struct
from contextlib import suppress

_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds


def drop_when_closed(handle: int) -> None:
    """Let a connection throw away what it has not sent yet when it is closed.

    Args:
        handle: The file descriptor of its socket, which stays open.
    """
    # Neither the family nor the type matters to this option.
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=handle)
    with suppress(OSError):  # the other side has ended it already: so macOS says
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    connection.detach()
