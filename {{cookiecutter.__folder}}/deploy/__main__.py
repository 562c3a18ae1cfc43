"""Package and deploy: `python -m deploy package|deploy|check STAGE`."""

import base64
import json
import os
import shutil
import sys
from typing import Any

from .package import BUILD, Prepared
from .settings import DeployError, Stage


def package(stage: Stage) -> None:
    """Make the zip file that would be deployed, and say where it is."""
    prepared = Prepared.make(stage)
    made = prepared.application / "package.zip"
    prepared.zappa("package", "--output", made.name)
    target = BUILD / f"{stage.name}.zip"
    shutil.move(made, target)
    print(f"{target.relative_to(BUILD.parents[1])}: {target.stat().st_size / 1e6:.1f} MB")


def deploy(stage: Stage) -> None:
    """Deploy a stage for the first time, or update it; code that does not start is taken back."""
    stage.check_filled_in()
    exists = _is_deployed(stage)
    variables = _variables(stage, exists)
    prepared = Prepared.make(stage)
    prepared.zappa("update" if exists else "deploy", variables=variables)
    try:
        _ask(stage, "/healthz")
    except DeployError as error:
        if not exists:
            raise
        prepared.zappa("rollback", "--num-rollback", "1")
        raise DeployError(f"{error}; the code of the version before is in place again") from None


def check(stage: Stage) -> None:
    """See whether a stage is ready to serve."""
    _ask(stage, "/readyz")


def _variables(stage: Stage, exists: bool) -> dict[str, str]:
    """What the function's configuration takes from this environment."""
    required = stage.values.get("from_environment", [])
    names = [*required, *stage.values.get("from_environment_if_set", [])]
    missing = [name for name in names if not os.environ.get(name)]
    for name in required:
        if name in missing and not exists:
            raise DeployError(f"set {name}, as the function of the stage {stage.name} has none yet")
    if missing and exists:
        print(f"not set here, so the function keeps its own: {', '.join(missing)}")
    return {name: os.environ[name] for name in names if name not in missing}


def _lambda_of(stage: Stage) -> Any:
    import boto3

    session = boto3.Session(
        profile_name=stage.values.get("profile_name"), region_name=stage.values["aws_region"]
    )
    if session.get_credentials() is None:
        raise DeployError(
            "there are no AWS credentials: sign in, and name the profile in AWS_PROFILE"
        )
    return session.client("lambda")


def _ask(stage: Stage, path: str) -> None:
    """Send the function a request, past the gateway, which would refuse an unsigned one.

    Raises:
        DeployError: It does not answer as it should.
    """
    event = {"httpMethod": "GET", "path": path, "headers": {}, "requestContext": {}}
    answer = _lambda_of(stage).invoke(
        FunctionName=stage.function, Payload=json.dumps(event), LogType="Tail"
    )
    result = json.load(answer["Payload"])
    if "FunctionError" in answer:
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").splitlines()
        told = [line for line in log if line.startswith("configuration: ")]
        problem = told[0] if told else result.get("errorMessage", "it failed")
        raise DeployError(f"{stage.function} does not start: {problem}")
    if result.get("statusCode") != 200:
        raise DeployError(f"{stage.function} answers GET {path} with {result.get('body')}")
    print(f"{stage.function} answers GET {path}")


def _is_deployed(stage: Stage) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _lambda_of(stage).get_function(FunctionName=stage.function)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise DeployError(f"AWS refuses: {error.response['Error']['Message']}") from None
    except BotoCoreError as error:
        raise DeployError(f"AWS cannot be reached: {error}") from None
    return True


COMMANDS = {"package": package, "deploy": deploy, "check": check}


def main(arguments: list[str]) -> None:
    """Run a command for a stage."""
    command, stage = (*arguments, "", "")[:2]
    if command not in COMMANDS:
        raise DeployError(f"usage: python -m deploy {'|'.join(COMMANDS)} STAGE")
    if not stage:
        raise DeployError(f"for which stage? As in: make {command} STAGE=dev")
    COMMANDS[command](Stage.load(stage))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except DeployError as error:
        sys.exit(f"deploy: {error}")
