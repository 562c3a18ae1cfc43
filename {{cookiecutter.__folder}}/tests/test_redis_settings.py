"""The variables REDIS_…: read, or refused in one line that names the variable."""

from pathlib import Path

import pytest

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.config import ConfigError, Environment
from {{ cookiecutter.package_name }}.storage.redis_settings import (
    RedisSettings,
    key_pattern,
)

SENTINELS = {"REDIS_SENTINELS": "127.0.0.1:26379"}


def settings(**variables: str) -> RedisSettings:
    return RedisSettings.from_environment(Environment({**SENTINELS, **variables}))


@pytest.mark.parametrize(
    ("text", "sentinels"),
    [
        ("localhost:26379", [("localhost", 26379)]),
        (" 10.0.0.1:1,10.0.0.2:65535 ", [("10.0.0.1", 1), ("10.0.0.2", 65535)]),
        (
            "sentinel-0.redis.svc.cluster.local:26379,s_1:5000",
            [("sentinel-0.redis.svc.cluster.local", 26379), ("s_1", 5000)],
        ),
        ("[::1]:26379,[2001:db8::7]:26380", [("::1", 26379), ("2001:db8::7", 26380)]),
        ("[fe80::1%eth0]:26379", [("fe80::1%eth0", 26379)]),
    ],
)
def test_sentinels_are_read(text: str, sentinels: list[tuple[str, int]]) -> None:
    assert settings(REDIS_SENTINELS=text).sentinels == tuple(sentinels)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is not set"),
        ("  ", "it is not set"),
        ("localhost", "entry 1 has no port"),
        ("a:1,localhost:", "entry 2 has a port that is not from 1 to 65535"),
        (":26379", "entry 1 has no host"),
        (":", "entry 1 has no host"),
        ("a:0", "entry 1 has a port that is not from 1 to 65535"),
        ("a:65536", "entry 1 has a port that is not from 1 to 65535"),
        ("a:-1", "entry 1 has a port that is not from 1 to 65535"),
        ("a:1e3", "entry 1 has a port that is not from 1 to 65535"),
        ("a:²", "entry 1 has a port that is not from 1 to 65535"),
        ("a:" + "9" * 5000, "entry 1 has a port that is not from 1 to 65535"),
        ("a:1,", "entry 2 is empty"),
        (",a:1", "entry 1 is empty"),
        ("a:1,,b:1", "entry 2 is empty"),
        ("a:1, b:1", "entry 2 holds a space"),
        ("a b:1", "entry 1 holds a space"),
        ("a:1;b:1", "entry 1 has no valid host"),
        ("redis://a:1", "entry 1 has no valid host"),
        ("user:secret@a:1", "entry 1 has no valid host"),
        ("::1:26379", "entry 1 has no valid host"),
        ("[::1]", "entry 1 has no port"),
        ("[::1:26379", "entry 1 has no valid host"),
        ("[127.0.0.1]:26379", "entry 1 has no IPv6 address in its brackets"),
        ("[]:26379", "entry 1 has no IPv6 address in its brackets"),
    ],
)
def test_malformed_sentinels_are_refused_with_their_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(REDIS_SENTINELS=text)
    assert str(refused.value) == (
        f"REDIS_SENTINELS must be host:port,host:port with IPv6 addresses in brackets; {problem}"
    )


def test_unset_sentinels_stop_the_start() -> None:
    with pytest.raises(ConfigError, match=r"^REDIS_SENTINELS must be .*; it is not set$"):
        create_app({})


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"REDIS_DB": "first"}, "REDIS_DB must be a whole number"),
        ({"REDIS_WAIT_REPLICAS": "-1"}, "REDIS_WAIT_REPLICAS must be a whole number"),
        ({"REDIS_WAIT_MS": "0"}, "REDIS_WAIT_MS must be a whole number from 1 to 60000"),
        ({"REDIS_WAIT_MS": "60001"}, "REDIS_WAIT_MS must be a whole number from 1 to 60000"),
        ({"REDIS_TLS": "yes"}, "REDIS_TLS must be one of 0, 1"),
        ({"REDIS_TLS_CA": "ca.pem"}, "REDIS_TLS must be 1 with REDIS_TLS_CA"),
        ({"REDIS_TLS": "1", "REDIS_TLS_CA": "/no/such/file"}, "REDIS_TLS_CA must be a file"),
        ({"REDIS_TLS": "1", "REDIS_TLS_CA": __file__}, "REDIS_TLS_CA must be a file"),
        ({"REDIS_USERNAME": "service"}, "REDIS_PASSWORD must be set with REDIS_USERNAME"),
        (
            {"REDIS_OTHER_KEY_PREFIX": "customer:"},
            "REDIS_OTHER_KEY_PREFIX must differ from REDIS_KEY_PREFIX",
        ),
        (
            {"REDIS_KEY_PREFIX": "", "REDIS_OTHER_KEY_PREFIX": ""},
            "REDIS_OTHER_KEY_PREFIX must differ from REDIS_KEY_PREFIX",
        ),
        (
            {"REDIS_SENTINEL_USERNAME": "service"},
            "REDIS_SENTINEL_PASSWORD must be set with REDIS_SENTINEL_USERNAME",
        ),
    ],
)
def test_malformed_variable_is_refused_by_name(variables: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^{problem}"):
        settings(**variables)


def test_password_is_taken_to_the_letter() -> None:
    text = " a\tb' "
    found = settings(REDIS_PASSWORD=text, REDIS_SENTINEL_PASSWORD=text)
    assert found.server_options["password"] == found.sentinel_options["password"] == text


def test_sentinels_do_not_get_the_servers_credentials() -> None:
    found = settings(REDIS_USERNAME="service", REDIS_PASSWORD="secret")
    assert "password" not in found.sentinel_options
    assert "username" not in found.sentinel_options


def test_secrets_are_not_shown() -> None:
    found = settings(REDIS_PASSWORD="secret-1", REDIS_SENTINEL_PASSWORD="secret-2")
    assert "secret" not in repr(found)


def test_empty_prefix_stays_empty() -> None:
    assert settings(REDIS_KEY_PREFIX="").key_of("7") == "7"
    assert settings().key_of("7") == "customer:7"


def test_other_prefix_that_is_empty_is_not_one_that_is_unset() -> None:
    assert settings().other_key_prefix is None
    assert settings(REDIS_OTHER_KEY_PREFIX="").other_key_prefix == ""


def test_place_names_the_other_prefix_if_there_is_one() -> None:
    assert settings().place.endswith(", customer:*")
    assert settings(REDIS_OTHER_KEY_PREFIX="old:").place.endswith(", customer:* and old:*")


@pytest.mark.parametrize(
    ("prefix", "pattern"),
    [
        ("", "*"),
        ("customer:", "customer:*"),
        ("a*b?c[d]e^f-g\\", r"a\*b\?c\[d\]e\^f\-g\\*"),
    ],
)
def test_pattern_takes_the_prefix_to_the_letter(prefix: str, pattern: str) -> None:
    assert key_pattern(prefix) == pattern


def test_trusted_certificates_of_the_system_are_used_without_a_ca(tmp_path: Path) -> None:
    assert settings(REDIS_TLS="1").server_options["ssl_ca_certs"] is None
