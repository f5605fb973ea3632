"""Runs SAM's transform over the synthesised stacks, as CloudFormation does when it deploys them.

`cdk synth` leaves the transform undone, so nothing before a deployment would see what it makes of an alias or of a
deployment preference. Writes `cdk.out/transformed/STACK.json` for cfn-lint, and fails where a function's alias is not
what its callers call.
"""

import json
import logging
import os
import re
import sys
from pathlib import Path

# The translator makes a client of AWS when it is imported, and calls nothing with it.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.transform import transform

OUT = Path(__file__).resolve().parent.parent / "cdk.out"
# The artifacts of a stack that was synthesised without them. The transform looks at the form alone.
ARTIFACT = "s3://artifacts/not-built"
FUNCTION = "AWS::Serverless::Function"


class NoManagedPolicies:
    """The template names its managed policies by ARN."""

    def load(self) -> dict[str, str]:
        """None is looked up by its name."""
        return {}


def transformed(template: dict) -> dict:
    """What CloudFormation creates of a template."""
    template["Globals"]["Function"]["CodeUri"] = ARTIFACT
    for resource in template["Resources"].values():
        if resource["Type"] == FUNCTION and isinstance(resource["Properties"].get("CodeUri"), str):
            resource["Properties"]["CodeUri"] = ARTIFACT
    return transform(template, {}, NoManagedPolicies())


def faults(name: str, source: dict, result: dict) -> list[str]:
    """What is wrong with what was made of a stack."""
    found = []
    text = json.dumps(result)
    for left in sorted(set(re.findall(r"\w+\.Alias\b", text))):
        found.append(f"{name}: {left} is no resource: nothing would be called")
    functions = [key for key, resource in source["Resources"].items() if resource["Type"] == FUNCTION]
    for function in functions:
        if "AutoPublishAlias" not in source["Resources"][function]["Properties"]:
            continue
        alias = f"{function}Aliaslive"
        made = result["Resources"].get(alias, {})
        if "CodeDeployLambdaAliasUpdate" not in made.get("UpdatePolicy", {}):
            found.append(f"{name}: {function} does not take new code bit by bit")
    return found


def main() -> int:
    """Transforms every stack that was synthesised."""
    logging.disable(logging.CRITICAL)
    target = OUT / "transformed"
    target.mkdir(exist_ok=True)
    found = []
    stacks = sorted(OUT.glob("tidings-*.template.json"))
    if not stacks:
        found.append("there is nothing in cdk.out: run `npm run synth` first")
    for path in stacks:
        name = path.name.removesuffix(".template.json")
        source = json.loads(path.read_text())
        result = transformed(json.loads(path.read_text()))
        (target / f"{name}.json").write_text(json.dumps(result, indent=1))
        found += faults(name, source, result)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
