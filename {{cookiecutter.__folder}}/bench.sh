#!/bin/sh
# How many requests a second the service at http://HOST:PORT answers. /healthz touches no storage, so
# it shows what the server and Flask can do at most; /get/1 asks the storage, for who may be missing.
set -eu
command -v wrk >/dev/null || {
  echo "wrk is missing: install it, as by apt-get install wrk" >&2
  exit 1
}
for path in /healthz /get/1; do
  answer=$(wrk --threads 1 --connections 8 --duration 3s --latency "http://${HOST:-127.0.0.1}:${PORT:-5000}$path")
  echo "$path, 8 clients:"
  echo "$answer" | grep -E 'Requests/sec| (50|99)%|errors'
done
