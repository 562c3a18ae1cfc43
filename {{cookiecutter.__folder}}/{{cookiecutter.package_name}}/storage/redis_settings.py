"""The variables REDIS_…, read and checked."""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any, Self

from redis.backoff import NoBackoff
from redis.retry import Retry

from ..config import ConfigError, Environment
from .unsent import drop_when_closed

SOCKET_SECONDS = 0.5
ONCE = Retry(NoBackoff(), 0)

_FORM = "REDIS_SENTINELS must be host:port,host:port with IPv6 addresses in brackets"
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
_GLOB = re.compile(r"[*?\[\]\\^-]")
_UNSET = "\0"  # which no variable can hold


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Where the cluster is, and how it is used.

    Attributes:
        sentinels: Host and port of each sentinel.
        master_name: What the sentinels call the master.
        key_prefix: What each customer's key begins with.
        other_key_prefix: What it may begin with, too, while keys are moved; else None.
        wait_replicas: How many replicas must hold a write before it is acknowledged.
        wait_ms: How many milliseconds to wait for them at each attempt.
        server_options: redis-py's options for connections to the master.
        sentinel_options: The same for the sentinels; nothing is inherited from those.
    """

    sentinels: tuple[tuple[str, int], ...]
    master_name: str
    key_prefix: str
    other_key_prefix: str | None
    wait_replicas: int
    wait_ms: int
    server_options: dict[str, Any] = field(repr=False)
    sentinel_options: dict[str, Any] = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Environment) -> Self:
        """Read the variables.

        Raises:
            ConfigError: One is missing or malformed.
        """
        wait_ms = environment.count("REDIS_WAIT_MS", 100)
        if not 1 <= wait_ms <= 60_000:
            raise ConfigError("REDIS_WAIT_MS must be a whole number from 1 to 60000")
        key_prefix = environment.exact("REDIS_KEY_PREFIX", "customer:")
        # Empty is a prefix, too: that of keys which are bare IDs.
        other = environment.exact("REDIS_OTHER_KEY_PREFIX", _UNSET)
        if other == key_prefix:
            raise ConfigError("REDIS_OTHER_KEY_PREFIX must differ from REDIS_KEY_PREFIX")
        common = {
            "socket_connect_timeout": SOCKET_SECONDS,
            "driver_info": None,  # saves two commands for each connection
            **_tls_options(environment),
        }
        return cls(
            sentinels=tuple(_addresses(environment.text("REDIS_SENTINELS", ""))),
            master_name=environment.text("REDIS_MASTER_NAME", "mymaster"),
            key_prefix=key_prefix,
            other_key_prefix=None if other == _UNSET else other,
            wait_replicas=environment.count("REDIS_WAIT_REPLICAS", 1),
            wait_ms=wait_ms,
            server_options={
                **common,
                **_credentials(environment, "REDIS"),
                "db": environment.count("REDIS_DB", 0),
                "redis_connect_func": _connected,
                "socket_timeout": SOCKET_SECONDS + wait_ms / 1000,
            },
            sentinel_options={
                **common,
                **_credentials(environment, "REDIS_SENTINEL"),
                "socket_timeout": SOCKET_SECONDS,
                "retry": ONCE,  # else one that is down would be asked ten times
            },
        )

    @property
    def place(self) -> str:
        """Which cluster it is, and where in it the customers are, without secrets."""
        sentinels = ",".join(f"{host}:{port}" for host, port in self.sentinels)
        keyspace = self.server_options["db"]
        keys = " and ".join(f"{prefix}*" for prefix in self.key_prefixes)
        return f"{self.master_name} of {sentinels}, keyspace {keyspace}, {keys}"

    @property
    def key_prefixes(self) -> tuple[str, ...]:
        """What customers' keys may begin with, that of new ones first."""
        other = self.other_key_prefix
        return (self.key_prefix,) if other is None else (self.key_prefix, other)

    def key_of(self, customer_id: str) -> str:
        """The key of a customer."""
        return self.key_prefix + customer_id


def key_pattern(prefix: str) -> str:
    """What SCAN finds the keys by that begin with a prefix (https://redis.io/commands/keys)."""
    return _GLOB.sub(r"\\\g<0>", prefix) + "*"


def _connected(connection: Any) -> None:
    """Prepare a connection to a server, as redis-py alone would, and let nothing come late."""
    drop_when_closed(connection._sock.fileno())
    connection.on_connect()


def _addresses(text: str) -> Iterator[tuple[str, int]]:
    if not text:
        raise ConfigError(f"{_FORM}; it is not set")
    for number, entry in enumerate(text.split(","), start=1):
        host, colon, port = entry.rpartition(":")
        problem = ""
        if not entry:
            problem = "is empty"
        elif re.search(r"\s", entry):
            problem = "holds a space"
        elif not colon or "]" in port:
            problem = "has no port"
        elif not host:
            problem = "has no host"
        elif not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535):
            problem = "has a port that is not from 1 to 65535"
        elif host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            if not _is_ipv6(host):
                problem = "has no IPv6 address in its brackets"
        elif not _HOST.fullmatch(host):
            problem = "has no valid host"
        if problem:
            raise ConfigError(f"{_FORM}; entry {number} {problem}")
        yield host, int(port)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _credentials(environment: Environment, prefix: str) -> dict[str, str]:
    username = environment.text(f"{prefix}_USERNAME", "")
    password = environment.exact(f"{prefix}_PASSWORD", "")
    if username and not password:
        raise ConfigError(f"{prefix}_PASSWORD must be set with {prefix}_USERNAME")
    named = {"username": username, "password": password}
    return {name: value for name, value in named.items() if value}


def _tls_options(environment: Environment) -> dict[str, Any]:
    ca = environment.text("REDIS_TLS_CA", "")
    if not environment.flag("REDIS_TLS"):
        if ca:
            raise ConfigError("REDIS_TLS must be 1 with REDIS_TLS_CA")
        return {}
    if ca:
        try:
            ssl.create_default_context(cafile=ca)
        except (OSError, ValueError):
            raise ConfigError("REDIS_TLS_CA must be a file of CA certificates (PEM)") from None
    return {"ssl": True, "ssl_ca_certs": ca or None}
