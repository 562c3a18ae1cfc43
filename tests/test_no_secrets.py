"""No secret is in the template or in what it renders, and what checkers pass over has a reason."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from .bake import TEMPLATE, Bake, tool
from .git import listed

DETECTORS = (
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "KeywordDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "StripeDetector",
    "TwilioKeyDetector",
)
# What stands in examples and tests in the place of a secret.
NO_SECRETS = re.compile(
    r"another|nothing|p4ss-word|pass|password|pl4nted|secret|secret-?[12]|secret-of-the-\w+"
    r"|two words|\{SECRET\}\\u20ac"
)


def secrets_in(files: Iterable[Path]) -> list[str]:
    """The secrets in some files."""
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        found = SecretsCollection()
        for file in files:
            found.scan_file(str(file))
    return [
        f"{file}:{secret.line_number} {secret.type}"
        for file, secret in found
        if not NO_SECRETS.fullmatch(secret.secret_value or "")
    ]


def committed() -> list[Path]:
    """The files of the template."""
    return [TEMPLATE / file for file in listed(TEMPLATE)]


def test_template_holds_no_secret() -> None:
    assert secrets_in(committed()) == []


def test_rendering_holds_no_secret(bake: Bake) -> None:
    assert secrets_in(bake.path / file for file in bake.files()) == []


@pytest.mark.parametrize(
    "line",
    [
        f"AWS = 'AKIA{'ABCD2345' * 2}'",
        f"-----BEGIN RSA {'PRIVATE'} KEY-----",
        f"url = 'https://user:{'hunter2'}@example.com'",
        f"token = 'ghp_{'aB3' * 12}'",
        f"api_key = '{'q9Zr' * 6}'",
    ],
    ids=["AWS", "private key", "URL", "GitHub", "keyword"],
)
def test_secret_is_found(line: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(f"{line}\n")
    assert secrets_in([file]) != []


SILENCED = re.compile(r"(?:noqa|type: ignore|nosec|shellcheck disable|pragma: no cover).*")
REASONED = re.compile(
    r"noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)*, \S.*"
    r"|type: ignore\[[a-z-]+(, ?[a-z-]+)*\].*"  # the code says what
    r"|pragma: no cover, \S.*"
)


def without_reason(files: Iterable[Path]) -> list[str]:
    """Where a checker is silenced without a reason."""
    return [
        f"{file}: {found}"
        for file in files
        for found in re.findall(rf"# ({SILENCED.pattern})$", file.read_text(), re.MULTILINE)
        if not REASONED.fullmatch(found)
    ]


def test_template_says_why_it_silences_a_checker() -> None:
    assert without_reason(file for file in committed() if file.suffix == ".py") == []


def test_rendering_says_why_it_silences_a_checker(bake: Bake) -> None:
    files = (bake.path / file for file in bake.files() if file.endswith(".py"))
    assert without_reason(files) == []


def test_shell_scripts_are_sound(bake: Bake) -> None:
    scripts = [file for file in bake.files() if file.endswith(".sh")]
    assert scripts
    done = bake.run(tool("shellcheck"), *scripts)
    assert done.stdout == ""
    assert done.returncode == 0
