"""The table of answers that no one should give. To add one, add a row to CASES."""

from typing import NamedTuple


class Case(NamedTuple):
    """Answers to some of the options, and what comes of them.

    `refused` is the line that refuses them; None if they are rendered. `becomes` holds answers
    that follow from these, or that cookiecutter makes of them.
    """

    title: str
    answers: dict[str, str]
    refused: str | None
    becomes: dict[str, str]
    typed: bool


def typed(title: str, answers: dict[str, str], refused: str | None = None, **becomes: str) -> Case:
    """Answers that a person types at the prompts. A prompt drops the spaces around a text."""
    return Case(title, answers, refused, becomes, typed=True)


def given(title: str, answers: dict[str, str], refused: str | None = None, **becomes: str) -> Case:
    """Answers on the command line, where cookiecutter renders each as a Jinja template first."""
    return Case(title, answers, refused, becomes, typed=False)


def texts(text: str) -> dict[str, str]:
    """One text as the answer to each option that takes any line of text."""
    return {
        "project_name": text,
        "project_slug": "customer-api",
        "package_name": "customer_api",
        "description": text,
        "author_name": text,
    }


def blank(option: str) -> str:
    return f"{option}: is blank; type some text"


def holds(what: str, code: int, option: str = "description") -> str:
    return f"{option}: holds {what} (U+{code:04X}); type one line of plain text"


def device(slug: str) -> str:
    return f"project_slug: '{slug}' is a device's name on Windows; type, say, {slug}-api"


def installs(slug: str) -> str:
    return (
        f"project_slug: '{slug}' is also the name of what a project installs; type, say, {slug}-api"
    )


def word(package: str) -> str:
    return f"package_name: '{package}' is a word of the Python language; type, say, {package}_api"


def hides(package: str) -> str:
    return (
        f"package_name: '{package}' would hide a module that the project imports; "
        f"type, say, {package}_api"
    )


def too_long(option: str, length: int, most: int) -> str:
    return f"{option}: has {length} characters; type at most {most}"


CONTROL = "a control character"
LINE_BREAK = "a line break"
REORDERS = "a hidden character that reorders text"
BROKEN = "a broken character"
NO_SLUG = "project_slug: is blank; type, say, customer-api"
SLUG = (
    "project_slug: may hold only a-z, 0-9 and single hyphens between them; type, say, customer-api"
)
PACKAGE = "package_name: may hold only a-z, 0-9 and _ after a first letter; type, say, customer_api"
DIGIT = "package_name: starts with a digit; type a name that starts with a letter, say customer_api"
PASSED_OVER = "package_name: 'build' is a folder that tools pass over; type, say, build_api"
FOLDER = "__folder: follows project_slug; leave it out"
EMAIL = "author_email: is no e-mail address; type, say, you@example.com"

CASES = (
    # What languages, shells, templates and file formats would make something of.
    typed("single quotes", texts("It's 'ours' ''' + x + '''")),
    typed("double quotes", texts('"say" """ + __import__("os").name + """')),
    typed("backslashes", texts(r"C:\new\table \u0041 \N{BULLET} \" \\")),
    typed("a backslash at the end", texts("the end \\")),
    typed("Jinja's expressions", texts("{{ 7*7 }} {{ cookiecutter.project_slug }}")),
    typed("Jinja's statements", texts("{% raw %}{% if x %} {# y #} {{ {% {#")),
    typed("the shell's characters", texts("$(touch evil) `touch evil` $HOME $$ ; a & b | c > d #")),
    typed("formats of Python", texts("%s %(name)s %d 100 % {0} {name!r} {")),
    typed("YAML and TOML", texts('key: [a, *b] - &c !d "] [tool.x] # e')),
    typed("HTML and Markdown", texts("<script>x</script> <!-- --> ](x) ![y](z) | `` ***")),
    typed("an option of a command", texts("--help -n @file name=value")),
    typed("no text in YAML", {**texts("null"), "description": "1e3", "author_name": "yes"}),
    # Letters of all the world.
    typed("typographic quotes", texts("\u201eB\xfccher\u201c \u201aund\u2018 \xabetc.\xbb")),
    typed("emoji", texts("👩‍👩‍👧 🏳️‍🌈 😀")),
    typed("right-to-left text", texts("مرحبا بالعالم, שלום 123")),
    typed("accents apart from letters", texts("Zoe\u0308 \ufb03 \u212b \ufeff \U0010fffd")),
    typed("200 characters", texts("W" * 200)),
    typed("a licensee", {"license": "BSD-3-Clause", "author_name": '"O\'Brien" \\ {{ x }}'}),
    typed("an owner", {"license": "Proprietary", "author_name": "{% raw %} & {{ Söhne }}"}),
    typed("an odd e-mail address", {"author_email": "$(o'brien)+{{x}}%`@bücher.example"}),
    # Names of which the slug and the package are made.
    typed(
        "a name in Hebrew",
        {"project_name": "שלום עולם"},
        project_slug="shlvm-vlm",
        package_name="shlvm_vlm",
    ),
    typed(
        "a path as the name",
        {"project_name": "../../Up & Away/..."},
        project_slug="up-away",
        package_name="up_away",
    ),
    typed(
        "a name of 200 characters",
        {"project_name": "z" * 200},
        project_slug="z" * 40,
        package_name="z" * 40,
    ),
    typed("a name of emoji", {"project_name": "😀🎉"}, NO_SLUG),
    typed("a name that starts with a digit", {"project_name": "3D printing"}, DIGIT),
    typed("a name that is a device's", {"project_name": "CON"}, device("con")),
    typed("a name that is a dependency's", {"project_name": "Flask"}, installs("flask")),
    typed("a name that is a keyword", {"project_name": "Class"}, word("class")),
    # Nothing, and too much.
    given("an empty name", {"project_name": ""}, blank("project_name")),
    typed("a blank name", {"project_name": "  "}, blank("project_name")),
    typed("a blank description", {"description": "\u3000"}, blank("description")),
    typed("an invisible author", {"author_name": "\u200b\u2060\xad"}, blank("author_name")),
    given("an empty slug", {"project_slug": ""}, NO_SLUG),
    typed("201 characters", {"description": "W" * 201}, too_long("description", 201, 200)),
    typed("a slug of 300 letters", {"project_slug": "a" * 300}, too_long("project_slug", 300, 40)),
    typed("a package of 41 letters", {"package_name": "a" * 41}, too_long("package_name", 41, 40)),
    # Characters that end a line, or are not what they seem.
    given("a newline", {"description": "one\ntwo"}, holds(CONTROL, 0x0A)),
    given("a newline at the end", {"description": "one\n"}, holds(CONTROL, 0x0A)),
    typed("a tab", {"description": "one\ttwo"}, holds(CONTROL, 0x09)),
    typed("a NUL", {"description": "one\0two"}, holds(CONTROL, 0x00)),
    typed("a line separator", {"description": "one\u2028two"}, holds(LINE_BREAK, 0x2028)),
    typed("an override", {"author_name": "a\u202eb"}, holds(REORDERS, 0x202E, "author_name")),
    typed("an isolate", {"author_name": "a\u2067b"}, holds(REORDERS, 0x2067, "author_name")),
    given("a byte that is no UTF-8", {"description": "one\udcfftwo"}, holds(BROKEN, 0xDCFF)),
    # Slugs: paths, names of Windows, names that would not stay as they are.
    typed("a folder beside", {"project_slug": "../evil"}, SLUG),
    typed("a folder far above", {"project_slug": "../../../evil"}, SLUG),
    typed("the folder above", {"project_slug": ".."}, SLUG),
    typed("this folder", {"project_slug": "."}, SLUG),
    typed("an absolute path", {"project_slug": "/evil/customer-api"}, SLUG),
    typed("a folder in a folder", {"project_slug": "a/b"}, SLUG),
    typed("a path of Windows", {"project_slug": r"C:\x"}, SLUG),
    typed("dots at the end", {"project_slug": "customer-api..."}, SLUG),
    typed("a device with a dot", {"project_slug": "nul."}, SLUG),
    typed("a device", {"project_slug": "com1"}, device("com1")),
    typed("upper case", {"project_slug": "Customer-API"}, SLUG),
    typed("a slug in Jinja", {"project_slug": "{{ cookiecutter }}"}, SLUG),
    typed("a dependency as the slug", {"project_slug": "hypothesis"}, installs("hypothesis")),
    given("another folder than the slug's", {"__folder": "../evil2"}, FOLDER),
    # Packages: words of Python, names of modules, no names at all.
    typed("a keyword", {"package_name": "class"}, word("class")),
    typed("a word that is sometimes a keyword", {"package_name": "match"}, word("match")),
    typed("a module of Python", {"package_name": "json"}, hides("json")),
    typed("a module of a later Python", {"package_name": "compression"}, hides("compression")),
    typed("a dependency", {"package_name": "flask"}, hides("flask")),
    typed("a dependency of another backend", {"package_name": "redis"}, hides("redis")),
    typed("what a dependency would import", {"package_name": "dns"}, hides("dns")),
    typed("a file of the project", {"package_name": "run"}, hides("run")),
    typed("a folder of the project", {"package_name": "tests"}, hides("tests")),
    typed("a folder that no tool looks at", {"package_name": "build"}, PASSED_OVER),
    typed("a digit first", {"package_name": "3d"}, DIGIT),
    typed("a hyphen", {"package_name": "a-b"}, PACKAGE),
    typed("a path as the package", {"package_name": "../evil"}, PACKAGE),
    typed("a special name of Python", {"package_name": "__init__"}, PACKAGE),
    typed("an accent", {"package_name": "été"}, PACKAGE),
    typed("names of one character", {"project_slug": "1", "package_name": "a"}),
    # E-mail addresses that are none, or would end a text of TOML.
    typed("no e-mail address", {"author_email": "nobody"}, EMAIL),
    typed("a quote in an e-mail address", {"author_email": 'a"@example.com'}, EMAIL),
    # Choices; the last ones cookiecutter itself refuses, in its own words.
    given("no such licence", {"license": "GPL"}, "GPL provided for choice variable license"),
    given("neither yes nor no", {"use_zappa": "maybe"}, "maybe provided for variable use_zappa"),
    typed("no such number", {"ci": "9"}, "Please select one of the available options"),
    # The command line, where an answer is what Jinja makes of it.
    given("a sum", {"description": "{{ 7*7 }}"}, description="49"),
    given("Jinja in Jinja", {"description": "{{ '{{ 7*7 }}' }}"}, description="{{ 7*7 }}"),
    given("spaces around texts", {"description": "  wide  ", "author_name": " Zoë "}),
    given("Jinja that comes to nothing", {"author_name": "{# me #}"}, blank("author_name")),
    given("Jinja that climbs", {"project_slug": "{{ '../' * 3 }}evil"}, SLUG),
    given("broken Jinja", {"description": "{% foo"}, "Encountered unknown tag 'foo'"),
)

DEFAULT_PACKAGE = "customer_api"


def package_of(case: Case) -> str:
    return {"package_name": DEFAULT_PACKAGE, **case.answers, **case.becomes}["package_name"]


def title_of(case: Case) -> str:
    return case.title


REFUSED = [case for case in CASES if case.refused is not None]
RENDERED = [case for case in CASES if case.refused is None]
SAME_CODE = [case for case in RENDERED if package_of(case) == DEFAULT_PACKAGE]
OWN_PACKAGE = [case for case in RENDERED if package_of(case) != DEFAULT_PACKAGE]
