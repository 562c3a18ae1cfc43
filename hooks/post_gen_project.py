"""Keep the files that the answers ask for, and say what to do next.

Works offline with the standard library alone, gives the same result each time, and may run twice
on one project: `cruft update` runs it again years later.
"""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

ANSWERS: dict[str, str] = json.loads(r"""{{ cookiecutter | tojson }}""")


class Choice(NamedTuple):
    """A path that belongs to some answers of one option, and the name it takes if one was given."""

    path: str
    option: str
    answers: str  # separated by spaces
    name: str = ""


CHOICES = (
    Choice("{{ cookiecutter.package_name }}/storage/json_by_hand.py", "storage_backend", "json"),
    Choice("{{ cookiecutter.package_name }}/storage/json_document.py", "storage_backend", "json"),
    Choice("{{ cookiecutter.package_name }}/storage/json_file.py", "storage_backend", "json"),
    Choice("tests/backend_file.py", "__kept_in", "file", "tests/backend.py"),
    Choice("{{ cookiecutter.package_name }}/storage/json_on_disk.py", "storage_backend", "json"),
    Choice("tests/test_any_json_file.py", "storage_backend", "json"),
    Choice("tests/test_json_by_hand.py", "storage_backend", "json"),
    Choice("tests/test_json_document.py", "storage_backend", "json"),
    Choice("tests/test_json_durability.py", "storage_backend", "json"),
    Choice("tests/test_json_file.py", "storage_backend", "json"),
    Choice("compose.file.yaml", "__kept_in", "file", "compose.yaml"),
    Choice("tests/test_json_writers.py", "storage_backend", "json"),
    Choice("compose.redis.yaml", "storage_backend", "redis", "compose.yaml"),
    Choice("compose.sql.yaml", "storage_backend", "sql", "compose.yaml"),
    Choice("dev", "storage_backend", "redis sql"),
    Choice("dev/cluster.py", "storage_backend", "redis"),
    Choice("dev/conf.py", "storage_backend", "redis"),
    Choice("dev/health.py", "storage_backend", "redis"),
    Choice("dev/main_redis.py", "storage_backend", "redis", "dev/__main__.py"),
    Choice("dev/node.py", "storage_backend", "redis"),
    Choice("docs/redis.md", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_check.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_errors.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_failover.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_listing.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_master.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_move.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_records.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_sentinel.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/redis_settings.py", "storage_backend", "redis"),
    Choice(
        "{{ cookiecutter.package_name }}/storage/redis_two_prefix_records.py",
        "storage_backend",
        "redis",
    ),
    Choice(
        "{{ cookiecutter.package_name }}/storage/redis_two_prefixes.py", "storage_backend", "redis"
    ),
    Choice("tests/backend_redis.py", "storage_backend", "redis", "tests/backend.py"),
    Choice("tests/test_compose.py", "storage_backend", "redis"),
    Choice("{{ cookiecutter.package_name }}/storage/unsent.py", "storage_backend", "redis sql"),
    Choice("tests/endings.py", "storage_backend", "redis sql"),
    Choice("tests/stalling_relay.py", "storage_backend", "redis sql"),
    Choice("tests/test_late_writes.py", "storage_backend", "redis sql"),
    Choice("tests/transfer/test_failure.py", "storage_backend", "redis sql"),
    Choice("tests/test_dev_cluster.py", "storage_backend", "redis"),
    Choice("tests/test_any_redis_value.py", "storage_backend", "redis"),
    Choice("tests/runbook", "storage_backend", "redis"),
    Choice("tests/redis_samples.py", "storage_backend", "redis"),
    Choice("tests/storage_check.py", "storage_backend", "redis"),
    Choice("tests/test_redis_check.py", "storage_backend", "redis"),
    Choice("tests/test_redis_failover.py", "storage_backend", "redis"),
    Choice("tests/test_redis_keys.py", "storage_backend", "redis"),
    Choice("tests/test_redis_listing.py", "storage_backend", "redis"),
    Choice("tests/test_redis_move.py", "storage_backend", "redis"),
    Choice("tests/test_redis_move_while_serving.py", "storage_backend", "redis"),
    Choice("tests/test_redis_sentinel.py", "storage_backend", "redis"),
    Choice("tests/test_redis_settings.py", "storage_backend", "redis"),
    Choice("tests/test_redis_tls.py", "storage_backend", "redis"),
    Choice("tests/test_redis_two_prefixes.py", "storage_backend", "redis"),
    Choice("tests/test_redis_two_prefixes_listing.py", "storage_backend", "redis"),
    Choice("tests/test_redis_two_prefixes_writes.py", "storage_backend", "redis"),
    Choice("tests/tls_relay.py", "storage_backend", "redis"),
    Choice("tests/valkey_cli.py", "storage_backend", "redis"),
    Choice("tests/valkey_programs.py", "storage_backend", "redis"),
    Choice("docs/sql.md", "storage_backend", "sql"),
    Choice("dev/main_sql.py", "storage_backend", "sql", "dev/__main__.py"),
    Choice("dev/accounts.py", "storage_backend", "sql"),
    Choice("dev/database_server.py", "storage_backend", "sql"),
    Choice("dev/postgresql.py", "storage_backend", "sql"),
    Choice("dev/postgresql_programs.py", "storage_backend", "sql"),
    Choice("migrations", "storage_backend", "sql"),
    Choice("run_sql.py", "__run", "sql", "run.py"),
    Choice("{{ cookiecutter.package_name }}/db_utils.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/migration_lock.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/models.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/storage/sql.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/storage/sql_database.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/storage/sql_engine.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/storage/sql_errors.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/storage/sql_idle.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/storage/sql_postgresql.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/storage/sql_settings.py", "storage_backend", "sql"),
    Choice("tests/backend_sql.py", "storage_backend", "sql", "tests/backend.py"),
    Choice("tests/mariadb.py", "storage_backend", "sql"),
    Choice("tests/postgresql.py", "storage_backend", "sql"),
    Choice("tests/test_dev_accounts.py", "storage_backend", "sql"),
    Choice("tests/test_dev_endings.py", "storage_backend", "sql"),
    Choice("tests/test_dev_postgresql.py", "storage_backend", "sql"),
    Choice("tests/test_migrations.py", "storage_backend", "sql"),
    Choice("tests/test_sql_connections.py", "storage_backend", "sql"),
    Choice("tests/test_sql_errors.py", "storage_backend", "sql"),
    Choice("tests/test_sql_how_to.py", "storage_backend", "sql"),
    Choice("tests/test_sql_settings.py", "storage_backend", "sql"),
    Choice("tests/test_sql_storage.py", "storage_backend", "sql"),
    Choice("{{ cookiecutter.package_name }}/storage/in_order.py", "storage_backend", "json sql"),
    Choice("tests/test_pages_in_order.py", "storage_backend", "json sql"),
    Choice(
        ".github/workflows/deploy_file.yml", "__run", "lambda_file", ".github/workflows/deploy.yml"
    ),
    Choice(
        ".github/workflows/deploy_redis.yml",
        "__run",
        "lambda_redis",
        ".github/workflows/deploy.yml",
    ),
    Choice(
        ".github/workflows/deploy_sql.yml", "__run", "lambda_sql", ".github/workflows/deploy.yml"
    ),
    Choice("deploy", "use_zappa", "True"),
    Choice("docs/lambda.md", "use_zappa", "True"),
    Choice("lambda_function.py", "use_zappa", "True"),
    Choice("run_lambda_file.py", "__run", "lambda_file", "run.py"),
    Choice("run_lambda_redis.py", "__run", "lambda_redis", "run.py"),
    Choice("run_lambda_sql.py", "__run", "lambda_sql", "run.py"),
    Choice("tests/on_lambda", "use_zappa", "True"),
    Choice("tests/on_lambda/storage_file.py", "__run", "lambda_file", "tests/on_lambda/storage.py"),
    Choice(
        "tests/on_lambda/storage_redis.py", "__run", "lambda_redis", "tests/on_lambda/storage.py"
    ),
    Choice("tests/on_lambda/storage_sql.py", "__run", "lambda_sql", "tests/on_lambda/storage.py"),
    Choice("tests/on_lambda/test_deadline.py", "__run", "lambda_redis lambda_sql"),
    Choice("tests/on_lambda/test_file_on_lambda.py", "__run", "lambda_file"),
    Choice("tests/on_lambda/test_migrations.py", "__run", "lambda_sql"),
    Choice("tests/on_lambda/test_sql_on_lambda.py", "__run", "lambda_sql"),
    Choice("zappa_policy.json", "use_zappa", "True"),
    Choice("zappa_settings.json", "use_zappa", "True"),
    Choice("{{ cookiecutter.package_name }}/aws_lambda.py", "use_zappa", "True"),
    Choice("{{ cookiecutter.package_name }}/storage/file_on_lambda.py", "__run", "lambda_file"),
    Choice("{{ cookiecutter.package_name }}/storage/sql_on_lambda.py", "__run", "lambda_sql"),
    Choice(".github", "ci", "github"),
    Choice(".gitlab-ci.yml", "ci", "gitlab"),
    Choice("renovate.json", "ci", "gitlab"),
    Choice("LICENSE.MIT", "license", "MIT", "LICENSE"),
    Choice("LICENSE.BSD-3-Clause", "license", "BSD-3-Clause", "LICENSE"),
    Choice("LICENSE.Apache-2.0", "license", "Apache-2.0", "LICENSE"),
    Choice("LICENSE.Proprietary", "license", "Proprietary", "LICENSE"),
)

NEXT_STEPS = """
{folder} is ready. Next:

    cd {folder}
    make test
    make run

Then, in another terminal: curl http://127.0.0.1:5000/
"""


def apply(choice: Choice) -> None:
    """Delete a path whose answer was not given; name the other as its row says."""
    path = Path(choice.path)
    if str(ANSWERS[choice.option]) in choice.answers.split():
        if choice.name and path.exists():
            path.replace(choice.name)
    elif path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


for row in CHOICES:
    apply(row)
print(NEXT_STEPS.format(folder=ANSWERS["__folder"]))
