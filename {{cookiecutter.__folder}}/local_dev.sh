#!/bin/sh
# Serve for development: http://HOST:PORT, reloaded when the code changes.
set -eu
cd "$(dirname "$0")"
PATH="$PATH:$PWD/.uv/bin"

exec uv run {% if cookiecutter.storage_backend == "redis" %}python -m dev {% endif %}flask run --debug --host "${HOST:-127.0.0.1}" --port "${PORT:-5000}"
