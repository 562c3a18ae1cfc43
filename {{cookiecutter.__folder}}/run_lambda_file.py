"""Where `flask`, the production server and AWS Lambda find the application."""

import os
import sys

from {{ cookiecutter.package_name }} import aws_lambda, create_app
from {{ cookiecutter.package_name }}.config import ConfigError
from {{ cookiecutter.package_name }}.storage import file_on_lambda

try:
    file_on_lambda.check_path(os.environ)
    app = create_app(retry_policy=aws_lambda.InvocationRetryPolicy)
except ConfigError as error:
    sys.exit(f"configuration: {error}")
aws_lambda.register(app)
