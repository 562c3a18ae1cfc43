"""What lies between a service and its storage: TCP connections that can be disturbed."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

# close() discards what was not sent yet, and the peer gets a reset (socket(7), SO_LINGER).
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
_CHUNK = 2**16


class Network:
    """Relays to servers on this machine. As a context manager it runs in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._audible = asyncio.Event()
        self._audible.set()
        self._delay = 0.0
        self._rate = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for listener in self._listeners:
            listener.close()

    def route(self, port: int, names: Mapping[int, int] | None = None) -> int:
        """Relay to a port; the relay's own port.

        Args:
            port: Where the server listens.
            names: Ports that the server's answers name, and what they shall name instead. All have
                five digits, so that no answer changes its length.
        """
        listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        listener.setblocking(False)
        self._listeners.append(listener)
        renamed = {str(old).encode(): str(new).encode() for old, new in (names or {}).items()}
        assert all(len(name) == 5 for pair in renamed.items() for name in pair)
        self._loop.call_soon_threadsafe(self._start, self._listen(listener, port, renamed))
        own: int = listener.getsockname()[1]
        return own

    def cut(self) -> None:
        """Reset all connections; new ones are relayed."""
        self._call(self._end(keep_listening=True))

    @contextmanager
    def slowed(self, *, delay: float = 0, rate: float = 0) -> Iterator[None]:
        """Inside the `with`, what is sent arrives later.

        Args:
            delay: By how much, in seconds.
            rate: How fast it is sent, in bytes per second; 0 for at once.
        """
        self._delay, self._rate = delay, rate
        try:
            yield
        finally:
            self._delay, self._rate = 0, 0

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Inside the `with`, nothing arrives. It does afterwards, but not if its sender reset."""
        self._loop.call_soon_threadsafe(self._audible.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._audible.set)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, *, keep_listening: bool = False) -> None:
        tasks = [
            task
            for task in self._tasks
            if not (keep_listening and task.get_name().startswith("listen"))
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(
        self, listener: socket.socket, port: int, names: Mapping[bytes, bytes]
    ) -> None:
        task = asyncio.current_task()
        assert task
        task.set_name("listen")
        while True:
            client, _ = await self._loop.sock_accept(listener)
            self._start(self._relay(client, port, names))

    async def _relay(self, client: socket.socket, port: int, names: Mapping[bytes, bytes]) -> None:
        server = socket.socket()
        server.setblocking(False)
        with client, server:
            for end in (client, server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                await self._audible.wait()
                await self._loop.sock_connect(server, ("127.0.0.1", port))
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(client, server, {}))
                    group.create_task(self._pump(server, client, names))
            except (OSError, ExceptionGroup):
                pass  # one end is gone, so the other gets a reset, too

    async def _pump(
        self, source: socket.socket, target: socket.socket, names: Mapping[bytes, bytes]
    ) -> None:
        while data := await self._loop.sock_recv(source, _CHUNK):
            await asyncio.sleep(self._delay + (len(data) / self._rate if self._rate else 0))
            await self._audible.wait()
            if source.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise ConnectionResetError
            for old, new in names.items():
                data = data.replace(old, new)
            await self._loop.sock_sendall(target, data)
        await self._audible.wait()
        target.shutdown(socket.SHUT_WR)
