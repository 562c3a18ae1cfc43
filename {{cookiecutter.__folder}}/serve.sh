#!/bin/sh
# Serve as in production: `make serve` and the container do, with the environment on the PATH.
set -eu
cd "$(dirname "$0")"
python -c 'import run' # a variable that is malformed stops the start with one line
# HTTP/1 only: with HTTP/2, too, granian never closes a connection on which nothing is sent, and takes
# 16 MB of headers from anybody. A proxy in front can speak HTTP/2 with clients.
exec granian --interface wsgi --http 1 --host "${HOST:-127.0.0.1}" --port "${PORT:-5000}" \
  --workers "${WORKERS:-2}" --blocking-threads "${THREADS:-4}" \
  --respawn-failed-workers --workers-kill-timeout 5s run:app
