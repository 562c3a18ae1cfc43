"""A planned failover: the master hands over to a replica, and no acknowledged write is lost."""

import time
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import click
from redis import Redis, exceptions
from redis.exceptions import RedisError

from . import StorageUnavailableError
from .redis_check import Address, agreed_master, ask_sentinels, text
from .redis_errors import reason
from .redis_settings import ONCE, RedisSettings

HANDOVER_SECONDS = 15
PAUSE_SECONDS = 25  # longer than all that is done meanwhile
POLL_SECONDS = 0.02

# The first release of Valkey that hands over by itself (SENTINEL FAILOVER … COORDINATED) and does
# not crash while it does (its issue 4066).
_COORDINATED_SINCE = (9, 1, 1)


def failover_command(settings: RedisSettings) -> click.Command:
    """`flask storage failover`, for the cluster that the settings describe."""

    @click.command("failover")
    def failover() -> None:
        """Have the master hand over to a replica, losing nothing; writes wait some 2 seconds."""
        try:
            old, new = fail_over(settings)
        except StorageUnavailableError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"the master was {text(old)}, and is {text(new)}")

    return failover


def fail_over(settings: RedisSettings) -> tuple[Address, Address]:
    """Have the master hand over to a replica; the old and the new master's address.

    A master that is alive would go on to acknowledge writes while a replica takes over, and lose
    them; so it takes none from before the replica is chosen (https://redis.io/commands/client-pause).

    Raises:
        StorageUnavailableError: No replica took over in time.
    """
    views = ask_sentinels(settings)
    old = agreed_master(settings, views)
    sentinels = zip(settings.sentinels, views, strict=True)
    agreeing = replace(
        settings, sentinels=tuple(address for address, view in sentinels if view.master == old)
    )
    try:
        with (
            # Not the first one, which services ask: who sees to it names the new master last.
            closing(Redis(*agreeing.sentinels[-1], **_patient(settings.sentinel_options))) as one,
            closing(Redis(*old, **_patient(settings.server_options))) as master,
        ):
            if is_coordinated := _can_coordinate(one):
                _send_failover(one, settings.master_name, "COORDINATED")
            else:
                _pause_and_send_failover(settings, one, master)
            new = _new_master(agreeing, old, master)
            if not is_coordinated:
                master.client_unpause()
            return old, new
    except RedisError as error:
        raise StorageUnavailableError(reason(error, "a server")) from error


def _patient(options: dict[str, Any]) -> dict[str, Any]:
    """Options for a server that is asked once, and may be busy."""
    return {**options, "socket_timeout": 3.0, "retry": ONCE}


def _can_coordinate(sentinel: Redis) -> bool:
    version = str(sentinel.info("server").get("valkey_version", "0"))
    return tuple(int(part) for part in version.split(".")[:3]) >= _COORDINATED_SINCE


def _pause_and_send_failover(settings: RedisSettings, sentinel: Redis, master: Redis) -> None:
    """Pause all writes, and start the failover when the replicas have what was written.

    The pause then ends only when there is a new master, or by itself.
    """
    master.client_pause(PAUSE_SECONDS * 1000, all=False)
    try:
        _wait_for_replicas(settings, master)
        with suppress(exceptions.TimeoutError):  # it may do it all the same
            _send_failover(sentinel, settings.master_name)
    except BaseException:
        master.client_unpause()
        raise


def _wait_for_replicas(settings: RedisSettings, master: Redis) -> None:
    """Wait until each replica, as any may be chosen, has what the master has."""
    info: Any = master.info("replication")
    give_up_at = time.monotonic() + HANDOVER_SECONDS / 3
    for number in range(info["connected_slaves"]):
        address = (str(info[f"slave{number}"]["ip"]), info[f"slave{number}"]["port"])
        with (
            suppress(RedisError),  # no sentinel chooses one that does not answer
            closing(Redis(*address, **settings.server_options, retry=ONCE)) as replica,
        ):
            while _offset(replica) < info["master_repl_offset"]:
                if time.monotonic() > give_up_at:
                    raise StorageUnavailableError(f"the replica {text(address)} lags behind")
                time.sleep(POLL_SECONDS)


def _offset(replica: Redis) -> int:
    info: Any = replica.info("replication")
    return int(info["slave_repl_offset"])


def _send_failover(sentinel: Redis, *arguments: str) -> None:
    sentinel.execute_command("SENTINEL FAILOVER", *arguments)  # type: ignore[no-untyped-call]


def _new_master(settings: RedisSettings, old: Address, old_master: Redis) -> Address:
    """Wait until all sentinels name another master; its address.

    As soon as one does, the old one follows it; else the sentinels would see to that some 10 s
    later. Until all do, the old one's clients are sent away again and again: they may be sent back
    to it, and it may answer reads without what others have written to the new one.
    """
    give_up_at = time.monotonic() + HANDOVER_SECONDS
    while time.monotonic() < give_up_at:
        named = {view.master for view in ask_sentinels(settings) if view.master}
        for new in named - {old}:
            with old_master.pipeline(transaction=False) as pipeline:
                pipeline.replicaof(*new)
                pipeline.client_kill_filter(_type="normal", skipme=True)
                pipeline.execute()
            if named == {new}:
                return new
        time.sleep(POLL_SECONDS)
    raise StorageUnavailableError(f"no replica took over from {text(old)} in time")
