"""The configuration: read from the environment, or refused in one line that names the variable."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.config import Config, ConfigError

from .strategies import texts

PROJECT = Path(__file__).parents[1]
VARIABLES = re.findall("^(?:# )?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE)
pieces = st.sampled_from(["0", "1", ".", ",", ":", "/", "//", "@", "%", "[", "]", "a", "http"])
pytestmark = pytest.mark.any_storage


class Recorder(dict[str, str]):
    """An environment that notes which variables are asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """Read a variable, and note its name."""
        self.asked.add(name)
        return super().get(name, default)


def test_defaults_are_for_development() -> None:
    config = Config.from_environ({})
    assert not config.production
    assert not config.read_only
    assert config.log_level == "INFO"
    assert (config.retry.deadline, config.retry.backoff) == (10, 0.1)
    assert config.retry.max_retries is None


def test_variables_are_read() -> None:
    config = Config.from_environ(
        {
            "APP_ENV": "production",
            "ALLOW_ANONYMOUS": "1",
            "CORS_ORIGINS": "https://a.example, http://[::1]:3000",
            "READ_ONLY": "1",
            "LOG_LEVEL": "DEBUG",
            "RETRY_DEADLINE_SECONDS": " 2.5 ",
            "RETRY_BACKOFF_SECONDS": "0.01",
            "RETRY_MAX_RETRIES": "0",
        }
    )
    assert config.production
    assert list(config.cors_origins) == ["https://a.example", "http://[::1]:3000"]
    assert config.read_only
    assert config.log_level == "DEBUG"
    assert (config.retry.deadline, config.retry.backoff) == (2.5, 0.01)
    assert config.retry.max_retries == 0


def test_empty_variable_counts_as_unset() -> None:
    assert Config.from_environ({"LOG_LEVEL": "", "RETRY_MAX_RETRIES": " "}).log_level == "INFO"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENV", "prod"),
        ("APP_ENV", "Production"),
        ("ALLOW_ANONYMOUS", "yes"),
        ("API_KEYS", "too-short"),
        ("API_KEYS", "0123456789abcdef,"),
        ("API_KEYS", "0123456789abcdef 0"),
        ("API_KEYS", "0123456789abcdefé"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "a.example"),
        ("LOG_LEVEL", "loud"),
        ("RETRY_DEADLINE_SECONDS", "0"),
        ("RETRY_DEADLINE_SECONDS", "-1"),
        ("RETRY_DEADLINE_SECONDS", "inf"),
        ("RETRY_DEADLINE_SECONDS", "nan"),
        ("RETRY_DEADLINE_SECONDS", "1e10"),
        ("RETRY_DEADLINE_SECONDS", "ten"),
        ("RETRY_BACKOFF_SECONDS", "1,5"),
        ("RETRY_MAX_RETRIES", "-1"),
        ("RETRY_MAX_RETRIES", "1.5"),
        ("RETRY_MAX_RETRIES", "²"),
        ("RETRY_MAX_RETRIES", "9" * 5000),
    ],
)
def test_malformed_variable_is_refused_by_name_and_not_repeated(
    environ: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        create_app({**environ, name: value})
    problem = str(refused.value)
    assert re.fullmatch(rf"{name} must be .+", problem)
    assert value not in re.sub("of 0|above 0 and up to 86400|such as .*|one of .*", "", problem)


@given(name=st.sampled_from(VARIABLES), value=st.lists(pieces | texts, max_size=5).map("".join))
def test_any_value_of_a_variable_is_taken_or_refused_in_one_line(
    environ: dict[str, str], name: str, value: str
) -> None:
    problem = ""
    try:
        create_app({**environ, name: value}).extensions["customer_storage"].close()
    except ConfigError as refused:
        problem = str(refused)
    assert re.fullmatch("([^\n]*[A-Z]+_[A-Z_]+[^\n]*)?", problem)


def test_variable_that_is_not_utf_8_is_refused_by_name(environ: dict[str, str]) -> None:
    recorder = Recorder(environ)
    create_app(recorder)
    assert len(recorder.asked) >= 10
    for name in recorder.asked:
        with pytest.raises(ConfigError, match=f"^{name} must be encoded as UTF-8$"):
            create_app({**environ, name: "0123456789abcdef\udcff"})


def test_production_without_a_word_about_access_does_not_start(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"API_KEYS must be set .* or ALLOW_ANONYMOUS be 1"):
        create_app({**environ, "APP_ENV": "production"})


def test_keys_and_everybody_do_not_go_together(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="ALLOW_ANONYMOUS must be 0 with API_KEYS"):
        create_app({**environ, "ALLOW_ANONYMOUS": "1", "API_KEYS": "0123456789abcdef"})


def test_key_does_not_show_in_the_configuration() -> None:
    assert "0123456789abcdef" not in repr(Config.from_environ({"API_KEYS": "0123456789abcdef"}))


def test_env_example_lists_exactly_the_variables_that_are_read(environ: dict[str, str]) -> None:
    recorder = Recorder(environ)
    create_app(recorder)
    assert set(VARIABLES) == recorder.asked
