"""The changes of a stack that need approval: those that lose data or overwrite drift."""

from collections.abc import Iterable
from dataclasses import dataclass

# Resource types that store data, or that other data cannot be read without.
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
    """The change of one resource in a change set. `action` and `replacement` have AWS's values."""

    action: str
    logical_id: str
    resource_type: str
    replacement: str = ""

    @property
    def loses_data(self) -> bool:
        deleted = self.action == "Remove" or self.replacement in ("True", "Conditional")
        return deleted and self.resource_type in STATEFUL

    @property
    def description(self) -> str:
        if self.action == "Modify" and self.replacement in ("True", "Conditional"):
            return f"{'may replace' if self.replacement == 'Conditional' else 'replaces'} {self._resource}"
        verbs = {"Add": "adds", "Modify": "changes", "Remove": "removes", "Import": "imports"}
        return f"{verbs.get(self.action, self.action)} {self._resource}"

    @property
    def _resource(self) -> str:
        return f"{self.logical_id} ({self.resource_type})"


def required_approvals(
    target: str, changes: Iterable[ResourceChange], drifted: Iterable[str]
) -> tuple[str, ...]:
    """Return the lines to approve before the target may be changed. `drifted` are logical ids.

    Runs store approved lines and compare them as text, so a reworded line is no longer approved.
    """
    lost = [f"{target} {change.description}" for change in changes if change.loses_data]
    return (*lost, *(f"{target} overwrites what was changed by hand: {name}" for name in sorted(drifted)))
