"""Bare Flask views that do what cannot be left out, and nothing else: what is possible at most.

They have no checks, no errors, no retries, no logs, no request IDs and no headers of their own.
"""

import os
import threading
from typing import Any

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue

SELECT = "SELECT customer_id, first_name, last_name FROM customers WHERE customer_id = %s"
UPSERT = """
    INSERT INTO customers (customer_id, first_name, last_name) VALUES (%s, %s, %s)
    ON CONFLICT (customer_id)
    DO UPDATE SET first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name
"""

app = Flask(__name__)
CUSTOMER = b'{"customerID":"1","firstName":"Ada","lastName":"Lovelace"}'


@app.get("/healthz")
def live() -> ResponseReturnValue:
    """Say that the process lives."""
    return "ok"


def answer(body: bytes) -> Response:
    """A customer."""
    return Response(body, mimetype="application/json")


def serve_constant() -> None:
    """A view that answers what it has in memory."""

    @app.get("/get/<customer_id>")
    def get_customer(customer_id: str) -> Response:
        return answer(CUSTOMER)


def serve_redis() -> None:
    """Views that make the same calls as the template's, on a pool of connections."""
    from redis.sentinel import Sentinel

    sentinels = [entry.split(":") for entry in os.environ["REDIS_SENTINELS"].split(",")]
    sentinel: Any = Sentinel(sentinels)  # type: ignore[no-untyped-call]
    redis = sentinel.master_for("mymaster", db=int(os.environ["REDIS_DB"]))

    @app.get("/get/<customer_id>")
    def get_customer(customer_id: str) -> Response:
        return answer(redis.get(f"customer:{customer_id}"))

    @app.post("/set")
    def set_customer() -> ResponseReturnValue:
        customer = request.get_json()
        with redis.pipeline(transaction=False) as pipeline:
            pipeline.set(f"customer:{customer['customerID']}", request.get_data())
            pipeline.execute_command("WAIT", 1, 100)
            pipeline.execute()
        return "success"


def serve_postgresql() -> None:
    """Views that send the same statements as the template's, on a connection for each thread."""
    import psycopg  # type: ignore[import-not-found]

    url = os.environ["DATABASE_URL"].replace("postgresql+psycopg:", "postgresql:")
    threads = threading.local()

    def execute(statement: str, *values: str) -> Any:
        if not hasattr(threads, "connection"):
            threads.connection = psycopg.connect(url, autocommit=True)
        return threads.connection.execute(statement, values)

    @app.get("/get/<customer_id>")
    def get_customer(customer_id: str) -> ResponseReturnValue:
        (row,) = execute(SELECT, customer_id)
        return {"customerID": row[0], "firstName": row[1], "lastName": row[2]}

    @app.post("/set")
    def set_customer() -> ResponseReturnValue:
        customer = request.get_json()
        execute(UPSERT, *(customer[name] for name in ("customerID", "firstName", "lastName")))
        return "success"


{"constant": serve_constant, "redis": serve_redis, "postgresql": serve_postgresql}[
    os.environ["LIMIT"]
]()
