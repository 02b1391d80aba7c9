"""Invariant 5: nothing is deleted that is in use or not understood."""

import json
import re
from collections.abc import Iterator

from tests.faults.monitor.records import Call, Item

DELETIONS = ("DeleteBucket", "DeleteBucketPolicy", "DeleteObject", "DeleteObjects", "DeleteObjectVersion")
KINDS = ("DBInstance", "DBCluster", "DBSnapshot", "DBClusterSnapshot")


class Deletion:
    """Keeps what pipelines use, which stacks contain what they use, and which databases Slipway created.

    `complete`: the records begin with an empty cloud. Otherwise Slipway may have created what is unknown.
    """

    number = 5

    def __init__(self, *, complete: bool = True) -> None:
        self._complete = complete
        self._theirs: set[tuple[str, str]] = set()
        self._pipelines: dict[tuple[str, str, str], set[str]] = {}  # account, region, name → buckets and keys
        self._templates: dict[tuple[str, str, str], str] = {}  # account, region, stack → template
        self._ours: set[tuple[str, str]] = set()  # account, database or snapshot

    def take(self, item: Item) -> Iterator[str]:
        if not isinstance(item, Call) or not item.ok:
            return
        if item.product:
            yield from self._judge(item)
        self._follow(item)

    def close(self) -> Iterator[str]:
        yield from ()

    def _follow(self, call: Call) -> None:
        if call.service == "codepipeline":
            declared = call.request.get("pipeline") or {}
            name = (*call.place, str(declared.get("name") or call.get("name")))
            if call.operation in ("CreatePipeline", "UpdatePipeline"):
                self._pipelines[name] = set(_stores(declared))
            elif call.operation == "DeletePipeline":
                self._pipelines.pop(name, None)
        elif call.operation in ("CreateStack", "UpdateStack", "CreateChangeSet"):
            self._templates[(*call.place, call.get("StackName"))] = call.get("TemplateBody")
        elif call.service == "rds":
            if call.operation.startswith(("Create", "Restore", "Copy")):
                owned = self._ours if call.product else self._theirs
                owned |= {(call.account, name) for name in _databases(call)}
            elif new := call.get("NewDBInstanceIdentifier") or call.get("NewDBClusterIdentifier"):
                if self._ours & {(call.account, name) for name in _databases(call)}:
                    self._ours.add((call.account, new))

    def _judge(self, call: Call) -> Iterator[str]:
        used = set().union(*self._pipelines.values())
        if call.service == "s3" and _bucket(call) in used:
            if call.operation in DELETIONS:
                yield f"{call.operation} in {_bucket(call)}, which a pipeline uses"
        elif call.service == "kms":
            yield from self._judge_key(call, used)
        elif call.name == "cloudformation:DeleteStack":
            stack = re.sub(r"^arn:.*:stack/([^/]+)/.*$", r"\1", call.get("StackName"))
            template = self._templates.get((*call.place, stack), "")
            if lost := [name for name in used if f'"{name}"' in template]:
                yield f"the stack {stack} is deleted, and a pipeline uses its {lost[0]}"
        elif call.service == "rds" and call.operation in [f"Delete{kind}" for kind in KINDS]:
            for name in _databases(call):
                unknown = self._complete and (call.account, name) not in self._ours
                if unknown or (call.account, name) in self._theirs:
                    yield f"{name} is deleted, which Slipway has not created"

    def _judge_key(self, call: Call, used: set[str]) -> Iterator[str]:
        key, alias = call.get("KeyId").rpartition("/")[2], call.get("AliasName")
        if call.operation in ("ScheduleKeyDeletion", "DisableKey") and any(key in name for name in used):
            yield f"the key {key} is deleted, and a pipeline uses it"
        if call.operation == "DeleteAlias" and any(alias in name for name in used):
            yield f"{alias} is deleted, and a pipeline uses it"


def _stores(pipeline: object) -> Iterator[str]:
    """Yield the buckets and keys of a pipeline's artifact stores."""
    text = json.dumps(pipeline)
    for store in re.findall(r'"location": "([^"]+)"', text):
        yield str(store)
    for key in re.findall(r'"encryptionKey": \{[^}]*"id": "([^"]+)"', text):
        yield str(key)


def _bucket(call: Call) -> str:
    return call.path.lstrip("/").partition("/")[0]


def _databases(call: Call) -> list[str]:
    """Return the databases or snapshots that the call creates, renames, or deletes."""
    names = [f"Target{kind}Identifier" for kind in KINDS]
    kinds = [kind for kind in KINDS if "Snapshot" in kind]
    if call.operation.startswith(("Restore", "Modify")) or "Snapshot" not in call.operation:
        kinds = [kind for kind in KINDS if "Snapshot" not in kind]
    names += [f"{kind}Identifier" for kind in kinds]
    found = [call.get(name) for name in names if call.get(name)]
    if call.operation in ("CreateDBInstance", "DeleteDBInstance"):  # its cluster is not meant
        found = [call.get("DBInstanceIdentifier")]
    return found
