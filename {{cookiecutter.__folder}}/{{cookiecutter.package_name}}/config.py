"""The configuration: environment variables, read once, validated and typed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

from .retry import RetryPolicy

MOST_SECONDS = 86_400
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

D = TypeVar("D")


class ConfigError(Exception):
    """A variable is missing or malformed. The message is one line that names it, not its value."""


class Environment:
    """Environment variables, read by type. One that is set but empty mostly counts as unset."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def exact(self, name: str, default: str) -> str:
        """The variable's text as it is, even if it is empty; `default` if it is not set."""
        return self._variables.get(name, default)

    def text(self, name: str, default: str) -> str:
        """The variable's text, without the white space around it."""
        return self.exact(name, "").strip() or default

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of `choices`.

        Raises:
            ConfigError: It is another word.
        """
        value = self.text(name, default)
        if value not in choices:
            raise ConfigError(f"{name} must be one of {', '.join(choices)}")
        return value

    def flag(self, name: str) -> bool:
        """True for 1, False for 0 and for a variable that is unset.

        Raises:
            ConfigError: It is something else.
        """
        return self.choice(name, ("0", "1"), "0") == "1"

    def seconds(self, name: str, default: float) -> float:
        """A number of seconds above 0 and up to a day.

        Raises:
            ConfigError: It is no such number.
        """
        try:
            value = float(self.text(name, str(default)))
        except ValueError:
            value = math.nan
        if not 0 < value <= MOST_SECONDS:
            raise ConfigError(
                f"{name} must be a number of seconds above 0 and up to {MOST_SECONDS}, "
                f"such as {default:g}"
            )
        return value

    def count(self, name: str, default: D) -> int | D:
        """A whole number of 0 or more.

        Raises:
            ConfigError: It is no such number.
        """
        value = self.text(name, "")
        if not value:
            return default
        if not (value.isascii() and value.isdecimal() and len(value) <= 9):
            raise ConfigError(f"{name} must be a whole number of 0 or more, such as 5")
        return int(value)


@dataclass(frozen=True, slots=True)
class Config:
    """What every part may need to know. The storage reads its own variables from `environment`."""

    production: bool
    read_only: bool
    log_level: str
    retry: RetryPolicy
    environment: Environment

    @classmethod
    def from_environ(
        cls, variables: Mapping[str, str], retry_policy: type[RetryPolicy] = RetryPolicy
    ) -> Self:
        """Read and check the configuration.

        Args:
            variables: The environment.
            retry_policy: The kind of retry policy.

        Raises:
            ConfigError: A variable is missing or malformed.
        """
        environment = Environment(variables)
        production = (
            environment.choice("APP_ENV", ("development", "production"), "development")
            == "production"
        )
        if not environment.flag("ALLOW_ANONYMOUS") and production:
            raise ConfigError(
                "ALLOW_ANONYMOUS must be 1 with APP_ENV=production: this service lets every caller "
                "in, so say that something in front of it decides who may call"
            )
        return cls(
            production=production,
            read_only=environment.flag("READ_ONLY"),
            log_level=environment.choice("LOG_LEVEL", LOG_LEVELS, "INFO"),
            retry=retry_policy(
                deadline=environment.seconds("RETRY_DEADLINE_SECONDS", 10),
                backoff=environment.seconds("RETRY_BACKOFF_SECONDS", 0.1),
                max_retries=environment.count("RETRY_MAX_RETRIES", None),
            ),
            environment=environment,
        )
