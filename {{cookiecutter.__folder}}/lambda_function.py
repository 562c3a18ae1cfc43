"""What AWS Lambda calls: Zappa's handler, ready before the first event."""

import sys
from types import ModuleType

# Zappa's utilities import boto3 for their annotations and for deploying, which takes most of a cold
# start. A stand-in is there for them; who imports it later gets the real one.
STAND_INS = [name for name in ("boto3", "botocore") if name not in sys.modules]
for name in STAND_INS:
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__dict__["Session"] = object

from zappa.handler import LambdaHandler, lambda_handler  # noqa: E402, after the stand-ins

for name in STAND_INS:
    del sys.modules[name]

__all__ = ["lambda_handler"]

LambdaHandler()  # makes the application now, when Lambda gives a whole processor for it
