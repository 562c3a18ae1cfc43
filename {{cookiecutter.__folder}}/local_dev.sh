#!/bin/sh
# Serve for development: http://HOST:PORT, reloaded when the code changes.
set -eu
cd "$(dirname "$0")"
PATH="$PATH:$PWD/.uv/bin"

{% if cookiecutter.storage_backend == "sql" -%}
if [ "${DATABASE:-}" = postgresql ]; then
  unset DATABASE
  exec uv run python -m dev ./local_dev.sh  # which is this script again, with a server beside it
fi
uv run flask db upgrade
{% endif -%}
exec uv run {% if cookiecutter.storage_backend == "redis" %}python -m dev {% endif %}flask run --debug --host "${HOST:-127.0.0.1}" --port "${PORT:-5000}"
