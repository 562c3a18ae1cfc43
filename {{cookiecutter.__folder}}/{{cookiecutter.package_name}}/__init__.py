"""The service: `create_app` puts its parts together."""

import os
from collections.abc import Mapping

from flask import Flask

from . import api, auth, commands, cors, docs, errors, health, logs
from .config import Config
from .middleware import RequestMiddleware
from .retry import RetryPolicy
from .storage.{{ cookiecutter.__storage_module }} import {{ cookiecutter.__storage_class }} as Storage


def create_app(
    environ: Mapping[str, str] | None = None, retry_policy: type[RetryPolicy] = RetryPolicy
) -> Flask:
    """Make the application.

    Args:
        environ: Where the configuration comes from; the process's environment if not given.
        retry_policy: The kind of retry policy.

    Raises:
        ConfigError: A variable is missing or malformed; the message names it in one line.
    """
    config = Config.from_environ(os.environ if environ is None else environ, retry_policy)
    logs.configure(config.log_level, json_lines=config.production)

    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a redirect would be no answer of the contract
    app.config["MAX_CONTENT_LENGTH"] = api.MAX_BODY_BYTES
    app.config["STOP_SECONDS"] = config.stop_seconds  # for serve.sh
    storage = Storage.from_environment(config.environment, config.retry)
    app.extensions["customer_storage"] = storage

    cors.register(app, config.cors_origins)
    auth.register(app, auth.ApiKeys(config.api_keys))
    if config.read_only:
        app.before_request(api.refuse_writes)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(health.blueprint)
    errors.register(app)
    commands.register(app)
    storage.init_app(app)

    app.wsgi_app = RequestMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    return app
