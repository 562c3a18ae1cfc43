"""Servers that a process has for itself: started, tried again if a port was taken, and stopped."""

from abc import ABC, abstractmethod
from typing import Self

from .processes import Processes, ServerError


class ServerEndedError(ServerError):
    """A server ended at its start; its port may be taken."""


class OwnServers(ABC):
    """Servers that start and stop together. As a context manager it starts and stops them."""

    def __init__(self) -> None:
        self._processes: Processes | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def processes(self) -> Processes:
        """The processes of the running servers.

        Raises:
            ServerError: None runs.
        """
        if not self._processes:
            raise ServerError("the server does not run")
        return self._processes

    def start(self) -> None:
        """Start the servers on free ports; returns when they can be used.

        Raises:
            ServerError: One ended, or they cannot be used.
        """
        for attempt in (1, 2, 3):
            self._processes = Processes()
            try:
                self._start()
                break
            except BaseException as error:
                self.stop()
                # Again only if the reason may be that another program has just taken the port.
                if attempt == 3 or not isinstance(error, ServerEndedError):
                    raise

    def stop(self) -> None:
        """End the servers and delete their files."""
        if self._processes:
            self._processes.stop()
            self._processes = None

    @abstractmethod
    def _start(self) -> None:
        """Start them once; returns when they can be used.

        Raises:
            ServerEndedError: One ended.
        """
