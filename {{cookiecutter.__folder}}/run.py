"""Where `flask` and the production server find the application."""

import sys

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"configuration: {error}")
