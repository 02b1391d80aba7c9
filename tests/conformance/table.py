"""The table at the end of docs/embedded.md: behaviors of AWS, and whether the embedded cloud has them.

Each test of this folder is a row that is enforced: the first paragraph of its docstring is the behavior, the
last line is AWS's page. What is known and not enforced is listed here, with the reason.
`make golden` updates the page.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PAGE = Path("docs/embedded.md")
HEADING = "## What AWS refuses"
_INTRODUCTION = """
Every row that is enforced is a test in `tests/conformance/`. `make golden` generates this table.
"""
_IAM, _KMS, _CFN = (
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/",
    "https://docs.aws.amazon.com/kms/latest/developerguide/",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/",
)


class Row(NamedTuple):
    """A behavior of AWS, the page that describes it, and "yes", or the reason why it is not enforced."""

    behavior: str
    page: str
    enforced: str


NOT_ENFORCED = (
    Row(
        "CloudFormation needs the permissions that a resource type publishes, for every type.",
        f"{_CFN}resource-type-schema.html",
        "for the services that Slipway uses; of other services' permissions, only for roles that are passed, "
        "code in S3, and custom resources",
    ),
    Row(
        "What a KMS key encrypts can be used only with permission for the key, in every service.",
        f"{_KMS}key-policies.html",
        "in KMS, Amazon S3, and RDS; not what services do on their own, such as deliveries of Firehose",
    ),
    Row(
        "Network ACLs, and what is behind a transit gateway or an appliance, decide what a task reaches.",
        "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html",
        "no: the targets of such routes count as reachable",
    ),
    Row(
        "A function in a VPC reaches what its network interface reaches.",
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
        "no: only tasks on Fargate, and what they reach when they start",
    ),
    Row(
        "A container on EC2 needs `memory` or `memoryReservation`.",
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html",
        "no: Slipway runs tasks on Fargate only",
    ),
    Row(
        "Members of a definition in JSONata, and paths in JSONPath, are parsed when it is saved.",
        "https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html",
        "no: only that a path begins like one",
    ),
    Row(
        "An account has a limited number of functions, roles, stacks, and streams.",
        "https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html",
        "only for manual snapshots",
    ),
    Row(
        "A service that acts for a caller sends `aws:CalledVia`, and to KMS `kms:ViaService`.",
        f"{_IAM}reference_policies_condition-keys.html",
        "no: services make such requests without permission checks",
    ),
    Row(
        "A restore that names no groups is checked on the default ones.",
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/security_iam_id-based-policy-examples.html",
        "no: only on the groups that it names",
    ),
    Row(
        "A grant on a type of resource that an action does not take grants nothing, in every service.",
        "https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html",
        "in ECS, EventBridge, Lambda, CloudWatch Logs, and RDS",
    ),
    Row(
        "A trust policy that names a service that does not exist is rejected.",
        f"{_IAM}reference_policies_elements_principal.html",
        "no: there is no list of service principals to compare with",
    ),
)


def rows() -> list[Row]:
    """Return the rows of all tests in the order of their files, then those that are not enforced."""
    enforced = [row for path in sorted(Path(__file__).parent.glob("test_*.py")) for row in _tested(path)]
    return [*enforced, *NOT_ENFORCED]


def markdown() -> str:
    """Return the page's last section."""
    lines = ["| Behavior | AWS's page | Enforced |", "|---|---|---|"]
    lines += [f"| {row.behavior} | [{_title(row.page)}]({row.page}) | {row.enforced} |" for row in rows()]
    return "\n".join([HEADING, _INTRODUCTION, *lines, ""])


def page() -> str:
    """Return the page with its section up to date."""
    return f"{PAGE.read_text().partition(HEADING)[0].rstrip()}\n\n{markdown()}"


def _tested(path: Path) -> Iterator[Row]:
    for node in ast.parse(path.read_text()).body:
        text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
        if text and (url := text.rpartition("\n")[2]).startswith("https://docs.aws.amazon.com/"):
            yield Row(" ".join(text.partition("\n\n")[0].split()), url, "yes")


def _title(url: str) -> str:
    return url.rpartition("/")[2].partition(".")[0].partition("#")[0]


if __name__ == "__main__":
    PAGE.write_text(page())
