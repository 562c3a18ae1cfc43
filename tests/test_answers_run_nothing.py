"""Answers made to run something: they stand where text belongs, and nothing runs them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from .bake import Bake, make_targets, run_in, tool
from .test_fuzzed_answers import render

# What each runs, wherever that is, if anything takes it for more than text.
RUN = "touch evil"
TEXTS = {
    "a shell": f"`{RUN}` $({RUN}); {RUN} & # ' \" |",
    "make": f"$(shell {RUN}) ${{shell {RUN}}}",
    "GitHub": "${{ github.token }} ${{ toJSON(secrets) }} ::add-mask::x #{x}",
    "YAML": f"!!python/object/apply:os.system ['{RUN}'] &a *a {{b: [c]}} - ? %TAG",
    "Python": f"\"\"\" + __import__('os').system('{RUN}') + ''' \\",
    "Jinja": f"{{{{ cycler.__init__.__globals__.os.system('{RUN}') }}}} {{% raw %}}",
    "Mako": f"${{__import__('os').system('{RUN}')}} <%! import os %> % if x:",
    "a page": "</script><script>alert(1)</script><img src=x onerror=alert(1)> javascript:x",
    "an image": f"RUN {RUN} ; ONBUILD USER root ; ARG x=${{PATH}} \\",
}
OPTIONS = ("project_name", "description", "author_name")
CHOICES = {
    "json": {"storage_backend": "json", "use_zappa": "no", "ci": "gitlab"},
    "redis": {"storage_backend": "redis", "use_zappa": "yes", "ci": "gitlab"},
    "sql": {"storage_backend": "sql", "use_zappa": "yes", "ci": "github"},
}
# Where text may stand: no tool runs these, and each has its own way to say that it is text.
TEXT_FILES = {"LICENSE", "README.md", "customer_api/about.json", "pyproject.toml"}


def rendered(texts: Mapping[str, str], storage: str, folder: Path) -> Bake:
    answers = {
        **texts,
        "project_slug": "customer-api",
        "package_name": "customer_api",
        "author_email": "you@example.com",
        "license": "MIT",
        **CHOICES[storage],
    }
    folder.mkdir()
    return Bake("runs-nothing", render(answers, folder), answers)


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bake]:
    """The project of plain answers for each storage."""
    folder = tmp_path_factory.mktemp("harmless")
    texts = dict.fromkeys(OPTIONS, "Harmless")
    return {storage: rendered(texts, storage, folder / storage) for storage in CHOICES}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def has_run(folder: Path) -> bool:
    """Whether anything has run an answer in a folder, or beneath."""
    return any(folder.rglob("evil"))


def read_everything(bake: Bake) -> None:
    """Have every tool read the files that it would run."""
    assert bake.run("make", "--dry-run", *sorted(make_targets(bake.path))).returncode == 0
    assert "make test" in bake.run("make").stdout
    for file in bake.files():
        if bake.read(file).startswith("#!/bin/sh"):
            assert bake.run("sh", "-n", file).returncode == 0, file
        elif file.endswith((".yaml", ".yml")):
            assert yaml.load(bake.read(file), yaml.FullLoader), file  # noqa: S506, one that makes objects
    assert bake.run(tool("uv"), "version", "--offline").stdout == "customer-api 0.1.0\n"


def turns() -> Iterator[tuple[str, dict[str, str]]]:
    """Storages with texts: each text comes once as the answer to each option."""
    for shift, storage in enumerate(CHOICES):
        options = OPTIONS[shift:] + OPTIONS[:shift]
        texts = iter(TEXTS.values())
        while three := dict(zip(options, texts, strict=False)):
            yield storage, three


@pytest.mark.slow
@pytest.mark.parametrize(("storage", "texts"), list(turns()))
def test_answers_stand_in_files_of_text_only_and_nothing_runs_them(
    harmless: dict[str, Bake], tmp_path: Path, storage: str, texts: dict[str, str]
) -> None:
    hostile, plain = rendered(texts, storage, tmp_path / "hostile"), harmless[storage]
    assert hostile.files() == plain.files()
    differing = {file for file in plain.files() if hostile.read(file) != plain.read(file)}
    assert differing == TEXT_FILES
    stated = hostile.stated_answers()
    assert {option: stated[option] for option in OPTIONS} == texts
    read_everything(hostile)
    assert not has_run(tmp_path)


@pytest.mark.parametrize("kind", ["a shell", "make"])
def test_answer_that_is_run_would_show(tmp_path: Path, kind: str) -> None:
    (tmp_path / "Makefile").write_text(f"x = {TEXTS[kind]}\nall:\n\techo $(x)\n")
    run_in(tmp_path, "make")
    assert has_run(tmp_path)


@pytest.mark.parametrize("end", "\n\r\v\f\x1c\x85\u2028\u2029\0")
def test_answer_cannot_begin_another_line(tmp_path: Path, end: str) -> None:
    texts = dict.fromkeys(OPTIONS, f"x{end}RUN {RUN}")
    with pytest.raises(Exception, match="Hook script failed"):
        rendered(texts, "json", tmp_path / "project")
    assert list((tmp_path / "project" / "out").iterdir()) == []
    assert not has_run(tmp_path)
