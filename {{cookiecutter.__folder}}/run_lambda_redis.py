"""Where `flask`, the production server and AWS Lambda find the application."""

import sys

from {{ cookiecutter.package_name }} import aws_lambda, create_app
from {{ cookiecutter.package_name }}.config import ConfigError

try:
    app = create_app(retry_policy=aws_lambda.InvocationRetryPolicy)
except ConfigError as error:
    sys.exit(f"configuration: {error}")
aws_lambda.register(app)
