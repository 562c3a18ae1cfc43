"""Where the database may be on AWS Lambda."""

from collections.abc import Mapping

from ..aws_lambda import is_here
from ..config import ConfigError


def check_url(variables: Mapping[str, str]) -> None:
    """Refuse to start on Lambda with a database that is a file, as it would be by default.

    Args:
        variables: The environment.

    Raises:
        ConfigError: DATABASE_URL names no server.
    """
    address = variables.get("DATABASE_URL", "").strip()
    if is_here(variables) and (not address or address.startswith("sqlite")):
        raise ConfigError("DATABASE_URL must name a server on Lambda, which keeps no file")
