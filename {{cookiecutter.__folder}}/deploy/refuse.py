"""What Zappa runs before it packages the project's folder."""

import sys


def refuse() -> None:
    """End it, as it would package all that lies there, secrets included."""
    sys.exit("deploy: `make package` and `make deploy` package the application, and nothing else")
