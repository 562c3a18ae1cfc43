#!/bin/sh
# Serve as in production: `make serve` and the container do, with the environment on the PATH.
set -eu
cd "$(dirname "$0")"
python -c 'import run' # a variable that is malformed stops the start with one line
exec granian --interface wsgi --host "${HOST:-127.0.0.1}" --port "${PORT:-5000}" \
  --workers "${WORKERS:-2}" --blocking-threads "${THREADS:-4}" \
  --respawn-failed-workers --workers-kill-timeout 5s run:app
