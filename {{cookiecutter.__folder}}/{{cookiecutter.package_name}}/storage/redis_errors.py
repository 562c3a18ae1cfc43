"""The errors of Redis and Valkey: which pass by themselves, and what they mean for an operator."""

import ssl

from redis import exceptions
from redis.sentinel import MasterNotFoundError

# Too few replicas just now (redis.conf, min-replicas-to-write); a WAIT that was cut short because
# its server became a replica; a replica that has no master.
_PASSING_CODES = ("NOREPLICAS", "UNBLOCKED", "MASTERDOWN")
_REFUSED = (exceptions.AuthenticationError, exceptions.AuthorizationError)


class TooFewReplicasError(exceptions.RedisError):
    """A write reached the master, but not as many replicas as it should."""


_PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    TooFewReplicasError,
)


def is_transient(error: Exception) -> bool:
    """Whether an error may be gone at the next attempt, as those of a failover are."""
    if isinstance(error, _REFUSED):  # which redis-py counts among the connection's errors
        return False
    return isinstance(error, _PASSING) or str(error).startswith(_PASSING_CODES)


def reason(error: exceptions.RedisError, who: str = "the master", variables: str = "REDIS") -> str:
    """Why something failed, in a few words without data.

    Args:
        error: What redis-py raised.
        who: Which server it is about.
        variables: How the names of the variables begin that hold its credentials.
    """
    match error:
        case MasterNotFoundError():
            return "no sentinel that can be reached knows a healthy master"
        case TooFewReplicasError():
            return "too few replicas have confirmed the write in time"
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            return f"{who} refuses the credentials: {variables}_PASSWORD is wrong or missing"
        case exceptions.NoPermissionError():
            # In a pipeline, what stands before that repeats the command.
            told = str(error).rpartition("caused error: ")[2]
            return f"{who} does not permit a command to this user: {told}"
        case exceptions.ConnectionError() | exceptions.TimeoutError():
            return f"{who} {_trouble_of_connection(error)}"
        case exceptions.ResponseError() if str(error).startswith("NOGOODSLAVE"):
            return "no replica is fit to take over"
        case exceptions.ResponseError() if str(error).startswith("INPROG"):
            return "a failover goes on already"
        case exceptions.ResponseError() if "DB index is out of range" in str(error):
            return f"{who} has no keyspace of that number: REDIS_DB is too high"
        case _:
            # Not the rest of the message, as it may repeat the command, and with it a customer.
            code = str(error).partition(" ")[0]
            return f"{who} refused a command: {code if code.isupper() else type(error).__name__}"


def _trouble_of_connection(error: exceptions.RedisError) -> str:
    match error.__context__:
        case ssl.SSLCertVerificationError():
            return "has a certificate that is not trusted: set REDIS_TLS_CA to its CA"
        case cause if isinstance(cause, ssl.SSLError) or "handshake" in str(cause):
            return "does not speak TLS: set REDIS_TLS to 0, or use its TLS port"
        case _ if isinstance(error, exceptions.TimeoutError):
            return "does not answer"
        case OSError(strerror=str(why)) as cause if not isinstance(cause, ConnectionResetError):
            return f"cannot be reached: {why}"
        case _:
            return "closed the connection: if it wants TLS, set REDIS_TLS to 1"
