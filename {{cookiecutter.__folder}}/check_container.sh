#!/bin/sh
# Build the image, start all of compose.yaml, use the service, and take everything away again: beside
# what runs already, and with passwords of its own. Needs Docker.
set -eu
cd "$(dirname "$0")"

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
API_KEYS=$(secret)
{%- if cookiecutter.storage_backend == "redis" %}
REDIS_PASSWORD=$(secret)
REDIS_SENTINEL_PASSWORD=$(secret)
export REDIS_PASSWORD REDIS_SENTINEL_PASSWORD
{%- elif cookiecutter.storage_backend == "sql" %}
POSTGRES_PASSWORD=$(secret)
export POSTGRES_PASSWORD
{%- endif %}
HOST=127.0.0.1 PORT=5099 COMPOSE_PROJECT_NAME={{ cookiecutter.__folder }}-check
export API_KEYS HOST PORT COMPOSE_PROJECT_NAME

# Asked inside, as the port is not always published on this machine: METHOD PATH [BODY].
ask() {
  docker compose exec -T service python -c '
import http.client, os, sys
method, path, *body = sys.argv[1:]
headers = {"Authorization": "Bearer " + os.environ["API_KEYS"], "Content-Type": "application/json"}
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=30)
connection.request(method, path, *body, headers=headers)
answer = connection.getresponse()
print(answer.status, answer.read().decode())' "$@"
}
finish() {
  status=$?
  test $status = 0 || docker compose logs --no-color || true
  docker compose down --volumes --timeout 10
  exit $status
}
trap finish EXIT

docker compose up --build --wait --wait-timeout 300
ask GET /readyz
test "$(ask POST /set '{"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}')" = '200 success'

# A new container finds the customer: it was not in the old one.
docker compose up --wait --force-recreate --no-deps service
ask GET /get/1 | grep '^200 .*Lovelace'
