"""Errors over HTTP: one plain-text line each, and never a traceback."""

import logging

from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from .record import InvalidRecordError
from .storage import BadCursorError, StorageUnavailableError

RETRY_AFTER_SECONDS = 1

log = logging.getLogger(__name__)


def line(text: str, status: int) -> Response:
    """An answer of one plain-text line."""
    return Response(text, status, mimetype="text/plain")


def register(app: Flask) -> None:
    """Answer every error of `app` as the contract says."""
    app.register_error_handler(InvalidRecordError, _bad_request)
    app.register_error_handler(BadCursorError, _bad_request)
    app.register_error_handler(StorageUnavailableError, _storage_unavailable)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _bad_request(error: Exception) -> Response:
    return line(str(error), 400)


def _storage_unavailable(error: StorageUnavailableError) -> Response:
    log.error("storage unavailable: %s", error)
    response = line(f"storage unavailable: {error}", 503)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _http_error(error: HTTPException) -> BaseResponse:
    response = error.get_response()  # with the headers that belong to the status
    response.data = error.name.lower()
    response.content_type = "text/plain; charset=utf-8"
    return response


def _unexpected(error: Exception) -> Response:
    log.exception("unexpected error")
    return line("internal server error", 500)
