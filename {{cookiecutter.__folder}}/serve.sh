#!/bin/sh
# Serve as in production: `make serve` and the container do, with the environment on the PATH.
set -eu
cd "$(dirname "$0")"
# A request may go on trying until its deadline, also while the server stops; 1800 is granian's most. A
# variable that is malformed stops the start with one line.
stop_seconds=$(python -c 'import run; print(min(run.app.config["STOP_SECONDS"], 1800))')
# HTTP/1 only: with HTTP/2, too, granian never closes a connection on which nothing is sent, and takes
# 16 MB of headers from anybody. A proxy in front can speak HTTP/2 with clients.
exec granian --interface wsgi --http 1 --host "${HOST:-127.0.0.1}" --port "${PORT:-5000}" \
  --workers "${WORKERS:-2}" --blocking-threads "${THREADS:-4}" \
  --respawn-failed-workers --workers-kill-timeout "$stop_seconds" run:app
