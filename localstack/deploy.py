"""Deploys the SAM template to a local AWS, as `sam package` and `sam deploy` would.

The template stays as it is but for one thing, the one that `sam package` does too: a local CodeUri becomes the place
of the uploaded artifact. Progress goes to stderr, a line each, the last one `error: …` on failure; what was deployed
goes to stdout as JSON.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

BUCKET = "tidings-artifacts"
# Some refusals quote the whole template.
ERROR_LENGTH_MAX = 600
TEMPLATE_KEY = "template.json"
# The CodeUri of every function that names no other.
SHARED_FOLDER = "functions/bootstrap"
FUNCTION_SUFFIX = "Function"
# A stack in one of these states can only be deleted.
DEAD_STATES = {
    "CREATE_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "DELETE_FAILED",
    "UPDATE_ROLLBACK_FAILED",
}


class DeployError(Exception):
    """Something that the developer has to mend."""


def say(text: str) -> None:
    """Tells what is being done."""
    print(text, file=sys.stderr, flush=True)


# ---- The template ----


class TemplateLoader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions (`!Ref X`) into the long ones."""


def _short_form(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", _short_form)
# Dates stay text: `2012-10-17` is the version of a policy.
TemplateLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp"
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_template(path: Path) -> dict[str, Any]:
    """Parses the template."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=TemplateLoader)
    except yaml.YAMLError as error:
        raise DeployError(
            f"{path.name} is no YAML: {' '.join(str(error).split())}"
        ) from error


def package(template: dict[str, Any], codes: dict[str, str]) -> dict[str, Any]:
    """Puts the uploaded artifact of its folder in the place of each local CodeUri."""
    shared = template.get("Globals", {}).get("Function", {})
    functions = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    for properties in [shared, *functions]:
        uri = properties.get("CodeUri")
        if isinstance(uri, str) and not uri.startswith("s3://"):
            try:
                properties["CodeUri"] = f"s3://{BUCKET}/{codes[uri]}"
            except KeyError as unknown:
                raise DeployError(f"there is no artifact for {unknown}") from unknown
    return template


def own_folders(template: dict[str, Any]) -> dict[str, str]:
    """The functions, by logical id, that have an artifact of their own, and its folder."""
    return {
        logical_id: resource["Properties"]["CodeUri"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        and "CodeUri" in resource["Properties"]
    }


def ttl_attributes(template: dict[str, Any]) -> dict[str, str]:
    """The tables, by logical id, that are to expire rows, and the attribute that says when."""
    found = {}
    for logical_id, resource in template["Resources"].items():
        ttl = resource.get("Properties", {}).get("TimeToLiveSpecification", {})
        if resource["Type"] == "AWS::DynamoDB::Table" and ttl.get("Enabled") in (
            True,
            "true",
        ):
            found[logical_id] = ttl["AttributeName"]
    return found


def recoverable_tables(template: dict[str, Any]) -> list[str]:
    """The tables, by logical id, that can be restored to a point in time."""
    name = "PointInTimeRecoverySpecification"
    return [
        logical_id
        for logical_id, resource in template["Resources"].items()
        if resource.get("Properties", {})
        .get(name, {})
        .get("PointInTimeRecoveryEnabled")
        in (True, "true")
    ]


# ---- The artifact ----


def zipped(bootstrap: Path) -> bytes:
    """The deployment package. Light compression: it travels over loopback only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        # A fixed time, so that one binary always makes one package.
        entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap.read_bytes(), compresslevel=1)
    return buffer.getvalue()


class Deployer:
    """One deployment to one stack."""

    def __init__(self, endpoint: str, region: str, stack: str) -> None:
        self.endpoint = endpoint
        self.stack = stack
        config = Config(
            retries={"max_attempts": 2},
            read_timeout=120,
            s3={"addressing_style": "path"},
        )

        def client(service: str) -> Any:
            return boto3.client(
                service,
                endpoint_url=endpoint,
                region_name=region,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=config,
            )

        self.s3 = client("s3")
        self.cloudformation = client("cloudformation")
        self.functions = client("lambda")
        self.dynamodb = client("dynamodb")

    def upload(self, bootstrap: Path, code_hash: str) -> str:
        """Uploads the package under its hash, and answers its key."""
        key = f"{code_hash}.zip"
        body = zipped(bootstrap)
        say(f"uploading {len(body) / 1e6:.1f} MB")
        # us-east-1 answers 200 for a bucket of one's own, so this may be said again.
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return key

    def remove_old_packages(self, keep: set[str]) -> None:
        """A local AWS keeps objects in memory."""
        for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            if item["Key"] not in keep:
                self.s3.delete_object(Bucket=BUCKET, Key=item["Key"])

    def status(self) -> str | None:
        """The stack's status; None where there is no stack."""
        try:
            return self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][
                0
            ]["StackStatus"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def deploy(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        """Creates or updates the stack, and waits for the end of it."""
        status = self.status()
        if status in DEAD_STATES:
            say("removing what a failed deployment left")
            self.cloudformation.delete_stack(StackName=self.stack)
            self._wait("stack_delete_complete")
            status = None
        # A template of more than 51,200 bytes is only taken from S3.
        self.s3.put_object(
            Bucket=BUCKET, Key=TEMPLATE_KEY, Body=json.dumps(template).encode()
        )
        request = {
            "StackName": self.stack,
            "TemplateURL": f"{self.endpoint}/{BUCKET}/{TEMPLATE_KEY}",
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
            "Capabilities": [
                "CAPABILITY_IAM",
                "CAPABILITY_NAMED_IAM",
                "CAPABILITY_AUTO_EXPAND",
            ],
        }
        if status is None:
            say("creating the stack")
            self.cloudformation.create_stack(**request)
            self._wait("stack_create_complete")
            return
        say("updating the stack")
        try:
            self.cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return
            raise
        self._wait("stack_update_complete")

    def _wait(self, waiter: str) -> None:
        try:
            self.cloudformation.get_waiter(waiter).wait(
                StackName=self.stack, WaiterConfig={"Delay": 0.25, "MaxAttempts": 1200}
            )
        except WaiterError as error:
            raise DeployError(self._reason() or str(error)) from error

    def _reason(self) -> str:
        """The first failures of the last attempt; later ones follow from them."""
        events = self.cloudformation.describe_stack_events(StackName=self.stack)[
            "StackEvents"
        ]
        failures = [
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in events
            if event["ResourceStatus"].endswith("_FAILED")
            and "cancelled" not in event.get("ResourceStatusReason", "")
            if event.get("ResourceStatusReason")
        ]
        for line in failures:
            say(line)
        return failures[-1] if failures else ""

    def resources(self, kind: str) -> dict[str, str]:
        """Physical names by logical id."""
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.stack
        )
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == kind
        }

    def update_code(self, codes: dict[str, str], own: dict[str, str]) -> None:
        """Gives every function its new package, without a look at the rest of the stack."""
        for logical_id, name in self.resources("AWS::Lambda::Function").items():
            say(f"updating {logical_id}")
            self.functions.update_function_code(
                FunctionName=name,
                S3Bucket=BUCKET,
                S3Key=codes[own.get(logical_id, SHARED_FOLDER)],
            )

    def switch_ttl_on(self, attributes: dict[str, str]) -> None:
        """Some local clouds read a table's TTL from the template and leave it off."""
        tables = self.resources("AWS::DynamoDB::Table")
        for logical_id, attribute in attributes.items():
            name = tables[logical_id]
            now = self.dynamodb.describe_time_to_live(TableName=name)[
                "TimeToLiveDescription"
            ]
            if now.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
                self.dynamodb.update_time_to_live(
                    TableName=name,
                    TimeToLiveSpecification={
                        "Enabled": True,
                        "AttributeName": attribute,
                    },
                )

    def switch_recovery_on(self, logical_ids: list[str]) -> None:
        """The same of point-in-time recovery."""
        tables = self.resources("AWS::DynamoDB::Table")
        for logical_id in logical_ids:
            self.dynamodb.update_continuous_backups(
                TableName=tables[logical_id],
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )

    def describe(self) -> dict[str, Any]:
        """What clients and tools need to know of the stack."""
        stack = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        outputs = {
            output["OutputKey"]: output["OutputValue"]
            for output in stack.get("Outputs", [])
        }
        functions = []
        for logical_id, name in sorted(self.resources("AWS::Lambda::Function").items()):
            logging = self.functions.get_function_configuration(FunctionName=name).get(
                "LoggingConfig", {}
            )
            functions.append(
                {
                    "name": logical_id.removesuffix(FUNCTION_SUFFIX).lower(),
                    "functionName": name,
                    "logGroup": logging.get("LogGroup") or f"/aws/lambda/{name}",
                }
            )
        try:
            urls = {"wsUrl": outputs["WebSocketUrl"], "httpUrl": outputs["HttpUrl"]}
        except KeyError as missing:
            raise DeployError(f"the stack has no output {missing}") from missing
        return {
            **urls,
            "functions": functions,
            "tables": self.resources("AWS::DynamoDB::Table"),
            "stream": next(iter(self.resources("AWS::Kinesis::Stream").values()), None),
            "outputs": outputs,
        }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Deploys, and answers what is there now."""
    deployer = Deployer(arguments.endpoint, arguments.region, arguments.stack)
    codes = {
        folder: deployer.upload(
            Path(executable), f"{Path(folder).name}-{arguments.code_hash}"
        )
        for folder, executable in (pair.split("=", 1) for pair in arguments.artifact)
    }
    template = read_template(arguments.template)
    if arguments.code_only:
        deployer.update_code(codes, own_folders(template))
    else:
        parameters = dict(pair.split("=", 1) for pair in arguments.parameter)
        deployer.deploy(package(template, codes), parameters)
        deployer.switch_ttl_on(ttl_attributes(template))
        deployer.switch_recovery_on(recoverable_tables(template))
    deployer.remove_old_packages(keep=set(codes.values()))
    return deployer.describe()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--stack", default="tidings")
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument(
        "--artifact",
        action="append",
        default=[],
        metavar="FOLDER=EXECUTABLE",
        help="the executable that a CodeUri of the template stands for",
    )
    parser.add_argument("--code-hash", required=True)
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE"
    )
    parser.add_argument(
        "--code-only",
        action="store_true",
        help="the template is deployed already, unchanged",
    )
    try:
        print(json.dumps(run(parser.parse_args())))
    except (DeployError, BotoCoreError, ClientError, OSError) as error:
        message = " ".join(str(error).split())
        if len(message) > ERROR_LENGTH_MAX:
            message = f"{message[: ERROR_LENGTH_MAX // 2]} … {message[-ERROR_LENGTH_MAX // 2 :]}"
        say(f"error: {message}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
