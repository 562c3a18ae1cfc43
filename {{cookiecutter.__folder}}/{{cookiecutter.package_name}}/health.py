"""Whether the process lives, and whether it can serve."""

import msgspec
from flask import Blueprint, Response

from .api import storage
from .storage import StorageUnavailableError

blueprint = Blueprint("health", __name__)


def _report(status: str, http_status: int, **details: str) -> Response:
    body = msgspec.json.encode({"status": status, **details})
    return Response(body, http_status, mimetype="application/json")


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process lives. Touches no storage."""
    return _report("ok", 200)


@blueprint.get("/readyz")
def readyz() -> Response:
    """The storage can be read and written."""
    try:
        storage().check()
    except StorageUnavailableError as error:
        return _report("unavailable", 503, storage=str(error))
    return _report("ready", 200, storage="ok")
