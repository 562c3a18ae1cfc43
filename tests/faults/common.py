"""Faults of the service itself, of its machine and of its clients, whatever the storage."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

from .fault import CUT, REFUSED, Fault, Scene, for_seconds

STOPPED_SECONDS = 1.0
CONNECTIONS = 300
SLOW_CONNECTIONS = 40
HALVES = [
    b"GET / HT",
    b"POST /set HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b'Content-Length: 100\r\n\r\n{"customerID": "half-sent", "firstName": "A',
]


def faults() -> Sequence[Fault]:
    """All that can be made on this machine."""
    return [
        Fault("`kill -9` of a worker", lambda scene: scene.service.kill_worker(), CUT),
        Fault("`kill -9` of the whole service", kill_service, CUT),
        Fault("a worker stopped for 1 s", stop_worker),
        Fault("the whole service stopped for 1 s", stop_service),
        Fault("rolling restart: another instance takes over", roll),
        Fault("reload: all workers replaced (SIGHUP)", lambda scene: scene.service.reload(), CUT),
        Fault("no file handles left for 1 s", use_up_files, CUT | REFUSED),
        Fault(f"{CONNECTIONS} connections at once", storm),
        Fault(f"{SLOW_CONNECTIONS} half-sent requests, held open for 1 s", send_halves),
        Fault("the clock jumps by an hour, and back after 1 s", jump),
    ]


def kill_service(scene: Scene) -> None:
    """End all of it, and start it again."""
    scene.service.kill()
    scene.service.start()


def stop_worker(scene: Scene) -> None:
    """Stop one worker, as a machine that is too busy does."""
    stopped(scene.random.choice(scene.service.workers()))


def stop_service(scene: Scene) -> None:
    """Stop all of it, as a virtual machine does while it is moved."""
    stopped(*scene.service.processes())


def stopped(*pids: int) -> None:
    """Stop processes for a while."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    with for_seconds(STOPPED_SECONDS):
        pass
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def roll(scene: Scene) -> None:
    """Start another instance, let it have the clients, and replace the first one likewise."""
    with scene.service.another() as other:
        scene.clients.move(other.url)
        scene.service.stop()
        scene.clients.wait_for_writes(20)
        scene.service.start()
        scene.clients.move(scene.service.url)
        other.stop()


def use_up_files(scene: Scene) -> None:
    """Leave the workers no file handle."""
    with scene.service.without_files(), for_seconds(1):
        pass


def jump(scene: Scene) -> None:
    """Set the service's clock."""
    with scene.service.clock_off_by(scene.random.choice([-3600, 3600])), for_seconds(1):
        scene.clients.wait_for_writes(20)


def storm(scene: Scene) -> None:
    """Open many connections at once; each sends a request and waits for the answer."""

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(scene))
        try:
            writer.write(b"GET /get/nobody HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return (await reader.read()).partition(b"\r\n")[0]
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def ask_all() -> list[bytes]:
        return await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))

    answers = asyncio.run(ask_all())
    scene.wrong.extend(f"storm: {answer!r}" for answer in answers if b" 404 " not in answer)


def send_halves(scene: Scene) -> None:
    """Send parts of requests, wait, and close."""

    async def send(half: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(scene))
        try:
            writer.write(half)
            await writer.drain()
            await asyncio.sleep(1)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def send_all() -> None:
        await asyncio.gather(*(send(HALVES[n % len(HALVES)]) for n in range(SLOW_CONNECTIONS)))

    asyncio.run(send_all())


def port_of(scene: Scene) -> int:
    """Where the service listens."""
    return int(scene.service.url.rpartition(":")[2])
