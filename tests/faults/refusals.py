"""The preflight errors of pipelines that cannot work, and a few pipelines that can.

python -m tests.faults.refusals   prints a case a line, as JSON
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack.services import rds

from tests.faults.cloud import Call, start
from tests.faults.runs import Pipeline

FINE = ""
KEY = "arn:aws:kms:eu-west-1:1:key/default"
RUN = {"name": "run-1", "started": "2026-01-01T00:00:00Z"}
STAYS = b"""<DescribeOptionGroupsResponse><DescribeOptionGroupsResult><OptionGroupsList><OptionGroup>
<OptionGroupName>tde</OptionGroupName><Options><Option><OptionName>TDE</OptionName>
<Persistent>true</Persistent></Option></Options></OptionGroup></OptionGroupsList>
</DescribeOptionGroupsResult></DescribeOptionGroupsResponse>"""


@dataclass(frozen=True)
class Case:
    """A pipeline, changes of production and of the environment, and the expected error."""

    kind: str
    says: str
    database: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    encrypted: bool = False
    also: Callable[[Pipeline], None] = lambda pipeline: None


def _same_name(pipeline: Pipeline) -> None:
    login = {"MasterUsername": "master", "MasterUserPassword": "secret-1"}
    pipeline.cloud.client("rds").create_db_cluster(
        DBClusterIdentifier="prod", Engine="aurora-postgresql", **login
    )


_OPTIONS = {"OptionGroupMemberships": [{"OptionGroupName": "tde", "Status": "in-sync"}]}
_SHARES = ",".join(f"{222_222_222_000 + number}" for number in range(21))

CASES = {
    "an instance": Case("instance", FINE),
    "a cluster": Case("cluster", FINE),
    "twenty accounts": Case("instance", FINE, environment={"SHARE_WITH": _SHARES[:-13]}),
    "twenty-one accounts": Case(
        "instance", "at most 20 accounts, not 21", environment={"SHARE_WITH": _SHARES}
    ),
    "no account id": Case("instance", "'12' is not an account ID", environment={"SHARE_WITH": "12"}),
    "the default key, shared": Case("instance", "default key", encrypted=True),
    "a cluster's default key, shared": Case("cluster", "default key", encrypted=True),
    "the default key, kept": Case("instance", FINE, environment={"SHARE_WITH": ""}, encrypted=True),
    "the default key as the given one": Case("instance", "default key", environment={"KMS_KEY": KEY}),
    "a persistent option": Case("instance", "option TDE (option group tde)", database=_OPTIONS),
    "a default option group": Case(
        "instance", FINE, database={"OptionGroupMemberships": [{"OptionGroupName": "default:postgres-18"}]}
    ),
    "oracle": Case("instance", "runs oracle-ee", database={"Engine": "oracle-ee"}),
    "sqlserver": Case("instance", "runs sqlserver-se", database={"Engine": "sqlserver-se"}),
    "db2": Case("instance", "runs db2-se", database={"Engine": "db2-se"}),
    "docdb": Case("cluster", "runs docdb", database={"Engine": "docdb"}),
    "neptune": Case("cluster", "runs neptune", database={"Engine": "neptune"}),
    "a Multi-AZ cluster": Case(
        "cluster", "a Multi-AZ DB cluster of postgres", database={"Engine": "postgres"}
    ),
    "Aurora Serverless v1": Case("cluster", "Serverless v1", database={"EngineMode": "serverless"}),
    "a cluster without instances": Case("cluster", "no writer instance", database={"DBClusterMembers": []}),
    "a member": Case(
        "instance", "instance of the cluster aurora", database={"DBClusterIdentifier": "aurora"}
    ),
    "two of one name": Case("instance", "both a DB instance and a cluster", also=_same_name),
    "a name for an instance": Case("instance", FINE, environment={"NAME_FORMAT": "x" * 255}),
    "a name too long for a cluster": Case(
        "cluster", "at most 63 characters", environment={"NAME_FORMAT": "x" * 64}
    ),
    "an invalid name": Case(
        "instance", "not a valid snapshot identifier", environment={"NAME_FORMAT": "a--{date}"}
    ),
    "a name that is taken": Case("instance", "already exists", environment={"NAME_FORMAT": "prod-by-hand"}),
    "no scripts": Case("instance", "There are no .sql scripts", environment={"SCRIPT_PREFIX": "elsewhere"}),
    "no such database": Case("instance", "database nope does not exist", environment={"SOURCE": "nope"}),
}


def main() -> None:
    cloud = start()

    def interfere(call: Call, make: Callable[[], None]) -> tuple[int, bytes] | None:
        if call.name == "rds:DescribeOptionGroups":
            return 200, STAYS
        if call.name == "kms:DescribeKey" and (case.encrypted or KEY in case.environment.values()):
            key = {"KeyId": "x", "Arn": KEY, "KeyManager": "AWS"}
            return 200, json.dumps({"KeyMetadata": key}).encode()
        return None

    for number, (name, case) in enumerate(CASES.items()):
        cloud.account, cloud.interfere = f"{100_000_000_000 + number}", lambda call, make: None
        pipeline = Pipeline(cloud, case.kind, encrypted=case.encrypted)
        pipeline.deploy(case.environment)
        _change(pipeline, case)
        cloud.interfere = interfere
        try:
            pipeline.call("preflight", RUN)
            said = ""
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps({"case": name, "said": said}), flush=True)


def _change(pipeline: Pipeline, case: Case) -> None:
    with pipeline.cloud.scope():
        records = rds._clusters if case.kind == "cluster" else rds._instances
        records["prod"].update(case.database)
    case.also(pipeline)


if __name__ == "__main__":
    main()
