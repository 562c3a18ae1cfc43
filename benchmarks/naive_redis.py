"""The service as it is often written, to measure the template's against; not to be copied.

Its retries pause for a fixed time, none of them covers SCAN's lazy generator, every key of the
database is a customer, and a write is acknowledged as soon as the master has it.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue
from redis.exceptions import ConnectionError, TimeoutError  # noqa: A004, as is often written
from redis.sentinel import Sentinel

RETRIES = 3
PAUSE_SECONDS = 5

app = Flask(__name__)
sentinels = [entry.split(":") for entry in os.environ["REDIS_SENTINELS"].split(",")]
sentinel: Any = Sentinel(sentinels, socket_timeout=0.5)  # type: ignore[no-untyped-call]
redis = sentinel.master_for("mymaster", socket_timeout=0.5, decode_responses=True)


def redis_command(command: Callable[..., Any], *args: Any) -> Any:
    """Call a command of Redis, and again if the server cannot be reached."""
    for _ in range(RETRIES):
        try:
            return command(*args)
        except (ConnectionError, TimeoutError):
            time.sleep(PAUSE_SECONDS)
    return command(*args)


@app.get("/")
def list_customers() -> ResponseReturnValue:
    """All customers."""
    keys = redis_command(redis.scan_iter)
    return {key: json.loads(redis_command(redis.get, key)) for key in keys}


@app.get("/get/<customer_id>")
def get_customer(customer_id: str) -> ResponseReturnValue:
    """One customer."""
    value = redis_command(redis.get, customer_id)
    return ({}, 404) if value is None else json.loads(value)


@app.post("/set")
def set_customer() -> ResponseReturnValue:
    """Add or replace a customer."""
    customer = request.get_json()
    redis_command(redis.set, customer["customerID"], json.dumps(customer))
    return "success"


@app.get("/healthz")
def live() -> ResponseReturnValue:
    """Say that the process lives."""
    return "ok"
