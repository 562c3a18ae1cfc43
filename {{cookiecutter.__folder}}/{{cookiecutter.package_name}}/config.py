"""The configuration: environment variables, read once, validated and typed."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from .retry import RetryPolicy

MOST_SECONDS = 86_400
# How long the last attempt, which starts before the deadline, may take and still be answered.
LAST_ATTEMPT_SECONDS = 5
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# What may stand in a header (RFC 6750, section 2.1), and is long enough not to be guessed.
_API_KEY = re.compile(r"[A-Za-z0-9._~+/-]{16,256}=*")
_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
# What Python puts for bytes that are not UTF-8 (PEP 383).
_NO_TEXT = re.compile("[\ud800-\udfff]")

D = TypeVar("D")


class ConfigError(Exception):
    """A variable is missing or malformed. The message is one line that names it, not its value."""


class Environment:
    """Environment variables, read by type. One that is set but empty mostly counts as unset."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def exact(self, name: str, default: str) -> str:
        """The variable's text as it is, even if it is empty; `default` if it is not set.

        Raises:
            ConfigError: It has bytes that are not UTF-8, which no storage and no answer can take.
        """
        value = self._variables.get(name, default)
        if _NO_TEXT.search(value):
            raise ConfigError(f"{name} must be encoded as UTF-8")
        return value

    def text(self, name: str, default: str) -> str:
        """The variable's text, without the white space around it.

        Raises:
            ConfigError: It is not UTF-8.
        """
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

    def listed(self, name: str, form: re.Pattern[str], described: str) -> list[str]:
        """What is separated by commas.

        Args:
            name: The variable.
            form: What each entry must match.
            described: That form, for a person.

        Raises:
            ConfigError: An entry does not.
        """
        text = self.text(name, "")
        entries = [entry.strip() for entry in text.split(",")] if text else []
        for number, entry in enumerate(entries, start=1):
            if not form.fullmatch(entry):
                raise ConfigError(
                    f"{name} must be {described}, separated by commas; entry {number} is not"
                )
        return entries

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
    api_keys: Sequence[str] = field(repr=False)
    cors_origins: Sequence[str]
    log_level: str
    retry: RetryPolicy
    environment: Environment

    @property
    def stop_seconds(self) -> int:
        """How many seconds a server that is to stop lets requests go on."""
        return math.ceil(self.retry.deadline) + LAST_ATTEMPT_SECONDS

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
        return cls(
            production=production,
            read_only=environment.flag("READ_ONLY"),
            api_keys=_api_keys(environment, production=production),
            cors_origins=environment.listed(
                "CORS_ORIGINS", _ORIGIN, "origins such as https://example.org"
            ),
            log_level=environment.choice("LOG_LEVEL", LOG_LEVELS, "INFO"),
            retry=retry_policy(
                deadline=environment.seconds("RETRY_DEADLINE_SECONDS", 10),
                backoff=environment.seconds("RETRY_BACKOFF_SECONDS", 0.1),
                max_retries=environment.count("RETRY_MAX_RETRIES", None),
            ),
            environment=environment,
        )


def _api_keys(environment: Environment, *, production: bool) -> list[str]:
    """The keys, or none if it is said that everybody may call.

    Raises:
        ConfigError: A key is malformed, or it is not said who may call in production.
    """
    api_keys = environment.listed(
        "API_KEYS", _API_KEY, "keys of at least 16 letters, digits and -._~+/ each"
    )
    anonymous = environment.flag("ALLOW_ANONYMOUS")
    if production and not api_keys and not anonymous:
        raise ConfigError(
            "API_KEYS must be set with APP_ENV=production, or ALLOW_ANONYMOUS be 1 to say that "
            "something in front of the service decides who may call"
        )
    if api_keys and anonymous:
        raise ConfigError("ALLOW_ANONYMOUS must be 0 with API_KEYS")
    return api_keys
