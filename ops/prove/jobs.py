"""The steps of a proof: one that comes first, and those of the four jobs."""

from ops.aws.cloud import Place
from ops.aws.cloudformation.deploy import staging_bucket
from ops.aws.s3.buckets import bucket_exists
from ops.aws.s3.staging import client_of
from ops.plan import ReportProgress
from ops.prove.logs import logs
from ops.prove.proof import Job, ProofStep
from ops.prove.rollouts import rollouts
from ops.prove.sandbox import check_free
from ops.prove.session import BUCKET, STACK, ProofSession
from ops.prove.snapshots import snapshots
from ops.prove.support_stacks import support_stacks


def check_sandbox(session: ProofSession) -> str:
    """Return evidence that the accounts have no stack of Slipway except the proof's. Raises Conflict."""

    def owns(name: str, place: Place) -> bool:
        return session.state.owns(STACK, name, place.account.id, place.region)

    return check_free(session.cloud, owns)


def _prepare(session: ProofSession, say: ReportProgress) -> str:
    """Check that the accounts are free, and record the staging buckets that every deployment creates."""
    evidence = check_sandbox(session)
    for place in session.cloud.places:
        account, region = place.account.id, place.region
        bucket = staging_bucket(account, region)
        if not bucket_exists(client_of(session.cloud, account, region), bucket, account):
            session.own(BUCKET, bucket, place)
    return evidence


FIRST = ProofStep("prepare", "Check that the accounts are free of Slipway's stacks", 0, _prepare)
JOBS: tuple[Job, ...] = (snapshots(), logs(), rollouts(), support_stacks())
