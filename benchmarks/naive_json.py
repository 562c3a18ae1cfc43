"""The service as it is often written, to measure the template's against; not to be copied.

Each request reads the whole file, and each write overwrites it in place, by whichever process.
"""

import json
import os
from pathlib import Path

from flask import Flask, request
from flask.typing import ResponseReturnValue

app = Flask(__name__)
file = Path(os.environ["DATA_PATH"])


@app.get("/")
def list_customers() -> ResponseReturnValue:
    """All customers."""
    customers: ResponseReturnValue = json.loads(file.read_text())
    return customers


@app.get("/get/<customer_id>")
def get_customer(customer_id: str) -> ResponseReturnValue:
    """One customer."""
    customers = json.loads(file.read_text())
    return customers.get(customer_id) or ({}, 404)


@app.post("/set")
def set_customer() -> ResponseReturnValue:
    """Add or replace a customer."""
    customer = request.get_json()
    customers = json.loads(file.read_text())
    customers[customer["customerID"]] = customer
    with file.open("w") as opened:
        json.dump(customers, opened)
    return "success"


@app.get("/healthz")
def live() -> ResponseReturnValue:
    """Say that the process lives."""
    return "ok"
