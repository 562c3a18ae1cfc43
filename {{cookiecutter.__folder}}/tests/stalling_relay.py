"""Stands between the service and a server, and stops to pass on, as a network does at times."""

import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class StallingRelay:
    """Listens on a free port, and passes on to a server.

    It takes next to nothing in advance: while it is stalled, most of a long request stays with the
    system of the sender.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.socket()
        # As little as the system allows (socket(7)); what is accepted inherits it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._connections: list[_Connection] = []
        self._stalled: list[_Connection] = []
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
        for connection in self._connections:
            connection.end()

    def stall(self) -> None:
        """Take nothing more from the connections that are open now. New ones are not concerned."""
        self._stalled = list(self._connections)
        for connection in self._stalled:
            connection.flows.clear()

    def let_go(self) -> int:
        """Pass on what the stalled connections hold, which their clients have closed.

        Returns when the server has closed them, too, and says how many a client has reset.
        """
        for connection in self._stalled:
            connection.flows.set()
            connection.join()
        return sum(connection.was_reset for connection in self._stalled)

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self._connections.append(
                    _Connection(client, socket.create_connection(self._target))
                )


class _Connection:
    """A client's connection, and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client = client
        self._server = server
        self.flows = threading.Event()
        self.flows.set()
        self.was_reset = False
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self._pass_requests, self._pass_answers)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until both sides have ended it."""
        for thread in self._threads:
            thread.join()

    def end(self) -> None:
        """Close it."""
        self.flows.set()
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.join()
        self._client.close()
        self._server.close()

    def _pass_requests(self) -> None:
        with suppress(OSError):  # a server that is gone takes no requests
            while data := self._next_request():
                self._server.sendall(data)
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_WR)

    def _next_request(self) -> bytes:
        select.select([self._client], [], [])
        self.flows.wait()
        try:
            return self._client.recv(65536)
        except ConnectionResetError:
            self.was_reset = True
            return b""

    def _pass_answers(self) -> None:
        with suppress(OSError):  # a client that is gone takes no answers
            while data := self._server.recv(65536):
                self._client.sendall(data)
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)
