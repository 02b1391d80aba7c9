"""Which changes of a stack need somebody's approval: those that lose what cannot be made again."""

from collections.abc import Iterable
from dataclasses import dataclass

# Types whose resources hold data of their own, or keep other data readable.
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
class Change:
    """What a change set does to one resource; `action` and `replacement` in AWS's words."""

    action: str
    logical_id: str
    kind: str
    replacement: str = ""

    @property
    def loses_state(self) -> bool:
        gone = self.action == "Remove" or self.replacement in ("True", "Conditional")
        return gone and self.kind in STATEFUL

    @property
    def words(self) -> str:
        if self.action == "Modify" and self.replacement in ("True", "Conditional"):
            return f"{'may replace' if self.replacement == 'Conditional' else 'replaces'} {self._what}"
        verbs = {"Add": "adds", "Modify": "changes", "Remove": "removes", "Import": "imports"}
        return f"{verbs.get(self.action, self.action)} {self._what}"

    @property
    def _what(self) -> str:
        return f"{self.logical_id} ({self.kind})"


def to_approve(target: str, changes: Iterable[Change], drifted: Iterable[str]) -> tuple[str, ...]:
    """What has to be approved before the target may be changed, one text each; `drifted` are logical ids."""
    lost = [f"{target} {change.words}" for change in changes if change.loses_state]
    return (*lost, *(f"{target} overwrites what was changed by hand: {name}" for name in sorted(drifted)))
