"""Speaks TLS in front of a server that does not, as the servers that the tests start do not."""

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class TlsRelay:
    """Listens on a free port, and passes on to a server what it decrypts.

    What comes unencrypted is passed on as well if `plain` says so, as a sentinel's own commands.
    """

    def __init__(self, context: ssl.SSLContext, target: tuple[str, int], *, plain: bool) -> None:
        self._context = context
        self._target = target
        self._plain = plain
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            _shut(connection)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        is_tls = client.recv(1, socket.MSG_PEEK) == b"\x16"  # a handshake record (RFC 8446, 5.1)
        with client:
            if not is_tls and not self._plain:
                return
            try:
                if is_tls:
                    client = self._context.wrap_socket(client, server_side=True)
            except OSError:
                return
            with client, socket.create_connection(self._target) as server:
                self._open |= {client, server}
                answers = threading.Thread(target=_copy, args=(server, client), daemon=True)
                answers.start()
                _copy(client, server)
                answers.join()
                self._open -= {client, server}


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _shut(source)
    _shut(target)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
