"""The changes of a stack that need approval: those that may lose data, or overwrite drift.

Denied by default: a replacement or a removal needs approval unless the type is known to be stateless.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ops.rollouts.rules.stateless import STATELESS

STACK = "AWS::CloudFormation::Stack"
CUSTOM = ("AWS::CloudFormation::CustomResource", "Custom::")

# Resource types that are known to store data, or that other data cannot be read without. The list only
# shortens the lines to approve: what is in neither list needs approval as well.
STATEFUL = (
    "AWS::Backup::BackupVault",
    "AWS::CertificateManager::Certificate",
    "AWS::CodeCommit::Repository",
    "AWS::Cognito::UserPool",
    "AWS::DAX::Cluster",
    "AWS::DocDB::DBCluster",
    "AWS::DocDB::DBInstance",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Instance",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Elasticsearch::Domain",
    "AWS::FSx::FileSystem",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::Logs::LogGroup",
    "AWS::MSK::Cluster",
    "AWS::Neptune::DBCluster",
    "AWS::Neptune::DBInstance",
    "AWS::OpenSearchService::Domain",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
    "AWS::SDB::Domain",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::Timestream::Table",
)


@dataclass(frozen=True)
class ResourceChange:
    """The change of one resource in a change set. `action` and `replacement` have AWS's values.

    `read` is whether the changes inside a nested stack were read; they are changes of their own.
    """

    action: str
    logical_id: str
    resource_type: str
    replacement: str = ""
    read: bool = False

    @property
    def may_lose_data(self) -> bool:
        if self.action in ("Add", "Import") or self.resource_type in STATELESS:
            return False
        if self.resource_type.startswith(CUSTOM) or (self.resource_type == STACK and not self.read):
            return True
        return self.action != "Modify" or self.replacement not in ("", "False")

    @property
    def reason(self) -> str:
        """Why the change needs approval; empty when it is known that the type stores data."""
        if self.resource_type.startswith(CUSTOM):
            return "a custom resource, whose provider decides what is deleted"
        if self.resource_type == STACK and not self.read:
            return "a nested stack, whose changes were not read"
        return "" if self.resource_type in STATEFUL else "not known to be stateless"

    @property
    def description(self) -> str:
        if self.action == "Modify" and self.replacement not in ("", "False"):
            return f"{'replaces' if self.replacement == 'True' else 'may replace'} {self._resource}"
        verbs = {"Add": "adds", "Modify": "changes", "Remove": "removes", "Import": "imports"}
        return f"{verbs.get(self.action, 'may replace or remove')} {self._resource}"

    @property
    def _resource(self) -> str:
        return f"{self.logical_id} ({self.resource_type})"


def required_approvals(
    target: str, changes: Iterable[ResourceChange], drifted: Iterable[str], unknown_drift: str = ""
) -> tuple[str, ...]:
    """Return the lines to approve before the target may be changed.

    `drifted` are logical ids; `unknown_drift` is why the drift could not be detected.

    Runs store approved lines and compare them as text, so a reworded line is no longer approved.
    """
    lost = [
        f"{target} {change.description}" + (f": {change.reason}" if change.reason else "")
        for change in changes
        if change.may_lose_data
    ]
    by_hand = [f"{target} overwrites what was changed by hand: {name}" for name in sorted(drifted)]
    if unknown_drift:
        by_hand.append(f"{target} may overwrite what was changed by hand: unknown drift: {unknown_drift}")
    return (*lost, *by_hand)
