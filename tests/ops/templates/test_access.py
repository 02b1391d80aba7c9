"""The templates of Slipway's roles and pages: as recorded, with permissions for exactly the code's calls."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from ops.embedded.authority import reference
from ops.own_stacks import STACKS
from ops.templates.access import JOBS, STACK_BOUNDARY
from ops.templates.access.fargate import COMMAND
from ops.templates.access.grants import COMMON
from tests.conformance import deploying

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests/data/templates"
# Calls whose IAM action has another name, from the Service Authorization Reference.
IN_IAM = {
    "list_objects_v2": "s3:ListBucket",
    "head_bucket": "s3:ListBucket",
    "head_object": "s3:GetObject",
    "copy_object": "s3:GetObject",
    "delete_objects": "s3:DeleteObject",
    "list_buckets": "s3:ListAllMyBuckets",
    "list_object_versions": "s3:ListBucketVersions",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
    "get_object_lock_configuration": "s3:GetBucketObjectLockConfiguration",
    "get_bucket_encryption": "s3:GetEncryptionConfiguration",
    "put_bucket_encryption": "s3:PutEncryptionConfiguration",
    "get_bucket_lifecycle_configuration": "s3:GetLifecycleConfiguration",
    "put_bucket_lifecycle_configuration": "s3:PutLifecycleConfiguration",
    "put_public_access_block": "s3:PutBucketPublicAccessBlock",
    "invoke": "lambda:InvokeFunction",
}
PREFIXES = {"stepfunctions": "states", "resourcegroupstaggingapi": "tag"}
SERVICES = (
    "athena cloudformation cloudwatch codepipeline dynamodb ec2 glue iam kinesis kms lambda logs "
    "organizations rds resourcegroupstaggingapi s3 stepfunctions sts account"
).split()


def actions(*kinds: str) -> set[str]:
    return {
        action for job in JOBS for kind in kinds for grant in getattr(job, kind) for action in grant.actions
    }


# What only `slipway prove`, in a sandbox account, and `slipway adopt` call: they run as administrator.
OF_ADMINISTRATORS = {"delete_log_group", "delete_table", "describe_table", "describe_state_machine"}


def called() -> set[str]:
    """Return the names of all client methods and paginators in ops/aws."""
    names = set()
    for path in sorted((ROOT / "ops/aws").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return names


@pytest.mark.parametrize("which", STACKS)
def test_the_template_is_the_recorded_one(which: str) -> None:
    recorded = json.loads((GOLDEN / f"setup-{which}.json").read_text())
    assert json.loads(STACKS[which].template().to_json()) == recorded, "run `make golden` and review the diff"


def test_whatever_the_code_calls_is_granted() -> None:
    session = botocore.session.get_session()
    known: dict[str, set[str]] = {}
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            granted = f"{PREFIXES.get(service, service)}:{operation}"
            known.setdefault(xform_name(operation), set()).add(granted)
    missing = {}
    for name in called() & known.keys() | called() & IN_IAM.keys():
        wanted = {IN_IAM[name]} if name in IN_IAM else known[name]
        if not wanted & actions("reads", "changes"):
            missing[name] = sorted(wanted)
    assert missing.keys() == OF_ADMINISTRATORS


def test_what_only_looks_changes_nothing() -> None:
    grants = [grant for job in JOBS for grant in job.reads]
    # Athena writes results with the permissions of the caller.
    answers = [one for one in grants if all(name.endswith("/results/*") for name in one.resources)]
    assert {action for one in answers for action in one.actions} == {
        "s3:AbortMultipartUpload",
        "s3:PutObject",
    }
    verbs = {action.split(":")[1] for one in grants if one not in answers for action in one.actions}
    reads = re.compile(
        "Get|List|Describe|Filter|Query$|Simulate|Validate|StartQueryExecution|StopQueryExecution"
    )
    assert [verb for verb in sorted(verbs) if not reads.match(verb)] == []


def test_what_changes_names_its_resources() -> None:
    free = {
        action for job in JOBS for grant in job.changes if "*" in grant.resources for action in grant.actions
    }
    # Actions without resource types.
    assert free == {"kms:CreateKey", "logs:DeleteAccountPolicy", "logs:PutAccountPolicy"}
    assert [action for action in free if reference.required(action)] == []
    free = {
        action for job in JOBS for grant in job.deploys if "*" in grant.resources for action in grant.actions
    }
    assert [action for action in sorted(free) if reference.required(action)] == []


def resources(which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STACKS[which].template().to_json())["Resources"]
    return found


def rendered(policy: Any) -> str:
    """Return the document as IAM counts it: without white space, and with the longest values of variables."""
    text = json.dumps(policy, separators=(",", ":"))
    text = re.sub(r'\{"Fn::Sub":("[^"]*")\}', r"\1", text)
    longest = {
        "Partition": "aws-us-gov",
        "AccountId": "1" * 12,
        "Region": "ap-northeast-1",
        "LogBucket": "b" * 63,
    }
    return re.sub(r"\$\{(?:AWS::)?(\w+)\}", lambda match: longest[match[1]], text)


def test_resources_are_of_types_that_the_actions_take() -> None:
    """A grant on a type of resource that an action does not take grants nothing."""
    grants = [grant for job in JOBS for grant in (*job.reads, *job.changes, *job.deploys)]
    nothing = [
        (action, grant.resources)
        for grant in grants
        for action in grant.actions
        if "*" not in grant.resources and reference.is_listed(action)
        if not any(reference.takes(action, arn) for written in grant.resources for arn in longer(written))
    ]
    assert nothing == []


def longer(arn: str) -> tuple[str, ...]:
    """Return the ARN, and what its last wildcard can stand for: parts of executions and log streams."""
    return (arn, f"{arn}:x", f"{arn}:log-stream:x") if arn.endswith("*") else (arn,)


def test_policies_and_roles_keep_the_quotas_of_iam() -> None:
    for title, resource in resources("roles").items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert len(rendered(properties["PolicyDocument"])) <= 6144, title
        else:
            assert len(properties["ManagedPolicyArns"]) <= 10, title
            assert properties["PermissionsBoundary"] == {"Ref": "Boundary"}


def test_the_boundary_lets_through_whatever_the_roles_hold() -> None:
    statements = resources("roles")["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = set(statements[0]["Action"])
    granted = actions("reads", "changes", "deploys")
    assert {f"{action.split(':')[0]}:*" for action in granted} == allowed
    everywhere = [each for each in statements if each["Effect"] == "Deny" and each.get("Resource") == "*"]
    forbidden = [each for each in everywhere if "Condition" not in each]
    assert not granted & {action for each in forbidden for action in each["Action"]}


def test_roles_of_stacks_are_created_only_with_their_boundary() -> None:
    statements = resources("roles")["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    (limited,) = [each for each in statements if "Condition" in each]
    boundary = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{STACK_BOUNDARY}"}
    assert limited["Effect"] == "Deny" and "iam:CreateRole" in limited["Action"]
    assert limited["Condition"] == {"StringNotEquals": {"iam:PermissionsBoundary": boundary}}


@pytest.mark.parametrize("name", ["snapshots", "logs", "logs_member", "rollouts-controller"])
def test_the_boundary_of_stacks_allows_what_their_roles_are_allowed(name: str) -> None:
    statements = resources("roles")["StackBoundary"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = {action for each in statements for action in each["Action"]}
    template = json.loads((GOLDEN / f"{name}.json").read_text())
    roles = [each for each in template["Resources"].values() if each["Type"].startswith("AWS::IAM::")]
    lists = re.findall(r'"Action": (\[[^]]*\])', json.dumps(roles))
    needed = {action for each in lists for action in json.loads(each)}
    assert needed and needed <= allowed


@pytest.mark.parametrize(
    "name", ["snapshots", "logs", "logs_member", "rollouts-controller", "rollouts-target", "setup-app"]
)
def test_every_role_of_a_template_takes_a_boundary(name: str) -> None:
    template = json.loads((GOLDEN / f"{name}.json").read_text())
    assert template["Parameters"]["PermissionsBoundary"]["Default"] == ""
    roles = [each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    expected = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}
    assert roles
    for role in roles:
        assert role["Properties"]["PermissionsBoundary"] == expected
        if name != "rollouts-target":  # the controller finds these by name
            assert role["Properties"]["Path"] == {"Ref": "RolePath"}


def test_what_the_roles_need_for_stacks_is_what_the_templates_need() -> None:
    assert deploying.content() == deploying.TARGET.read_text(), "run `make golden` and review the diff"


def test_the_pages_run_behind_tls_and_never_hold_a_secret_in_sight() -> None:
    found = resources("app")
    listeners = [each for each in found.values() if each["Type"].endswith("::Listener")]
    assert [each["Properties"]["Protocol"] for each in listeners] == ["HTTPS"]
    (container,) = found["Task"]["Properties"]["ContainerDefinitions"]
    assert {each["Name"] for each in container["Secrets"]} == {"SLIPWAY_SECRETS_TOML", "SLIPWAY_TOML"}
    assert not [each for each in container["Environment"] if "SECRET" in each["Name"]]
    assert container["ReadonlyRootFilesystem"]
    assert found["Targets"]["Properties"]["HealthCheckPath"] == "/_stcore/health"
    ingress = found["TaskGroup"]["Properties"]["SecurityGroupIngress"]
    assert [list(each["SourceSecurityGroupId"].values()) for each in ingress] == [
        [["BalancerGroup", "GroupId"]]
    ]


def test_the_task_can_write_the_audit_and_assume_the_roles() -> None:
    policy = resources("app")["TaskRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    granted = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert granted >= {"sts:AssumeRole", *COMMON.changes[0].actions}


def test_the_image_holds_what_the_pages_need_and_starts_as_the_procfile_does() -> None:
    text = (ROOT / "Dockerfile").read_text()
    copied = [line.split()[1] for line in text.splitlines() if line.startswith("COPY")]
    assert all((ROOT / path).exists() for path in copied)
    assert {"app", "ops", "pages", "queries", "requirements.txt"} <= set(copied)
    secret_free = [path for path in copied if path.startswith(".streamlit")]
    assert secret_free == [".streamlit/config.toml"]  # secrets.toml must not get into the image
    (procfile,) = (ROOT / "Procfile").read_text().splitlines()
    start = procfile.removeprefix("web: ").replace("$PORT", "8501")
    assert " ".join(json.loads(text[text.index("CMD ") + 4 :])) == start
    assert COMMAND.endswith(start)
    folder = "/run/slipway"
    assert text.count(f"ln -s {folder}/") == COMMAND.count(f"> {folder}/") == 2
