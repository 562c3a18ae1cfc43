"""What can happen to the connections between a service and its storage."""

from collections.abc import Sequence
from functools import partial

from .fault import Fault, Scene, for_seconds
from .network import Network

SECONDS = 2.0
# Longer than the service waits for an answer of any storage, so that it tries again.
LONG_SECONDS = 7.0
DELAY = 0.05
BYTES_PER_SECOND = 20_000


def network_faults(network: Network) -> Sequence[Fault]:
    """All that a network can do."""
    return [
        Fault("all connections to the storage cut", partial(cut, network)),
        Fault("nothing arrives for 2 s", partial(silence, network, SECONDS)),
        Fault("nothing arrives for 7 s", partial(silence, network, LONG_SECONDS)),
        Fault("all arrives 50 ms late, for 2 s", partial(slow, network, DELAY, 0)),
        Fault("20 kB/s for 2 s", partial(slow, network, 0, BYTES_PER_SECOND)),
    ]


def cut(network: Network, scene: Scene) -> None:
    """Reset each connection."""
    network.cut()


def silence(network: Network, seconds: float, scene: Scene) -> None:
    """Hold everything back."""
    with network.silent(), for_seconds(seconds):
        pass


def slow(network: Network, delay: float, rate: float, scene: Scene) -> None:
    """Let everything arrive late."""
    with network.slowed(delay=delay, rate=rate), for_seconds(SECONDS):
        pass
