"""Uploads a run for the controller: its document, its templates, and the assets of its app."""

import hashlib

from ops.aws.cloud import Cloud
from ops.aws.s3 import staging as s3
from ops.plan import ReportProgress, Resource, Step
from ops.rollouts.controller import Controller, check_version
from ops.rollouts.rules.document import Document
from ops.rollouts.source.assets import packaged
from ops.rollouts.source.uploads import uploads

INVOKE = ("lambda:InvokeFunction",)


def upload_step(cloud: Cloud, controller: Controller, document: Document) -> Step[None]:
    """Return the step that uploads the run. An asset that was uploaded before is left as it is.

    Raises Conflict if the deployed controller is too old for the document.
    """
    check_version(controller)
    where = (controller.place.account.id, controller.place.region)
    client = s3.client_of(cloud, *where)

    def act(say: ReportProgress) -> None:
        found = uploads(document)
        for key, path in found.assets.items():
            if not s3.exists(client, controller.bucket, key):
                say(f"Upload {path.name}")
                s3.put_if_different(client, controller.bucket, key, packaged(path))
        for key, text in found.documents.items():
            s3.put_if_different(client, controller.bucket, key, text.encode())

    assets = len({asset.staged for stack in document.stacks for asset in stack.files})
    return Step(
        id="upload",
        does=f"Upload the rollout {document.run} and its template"
        if not document.stacks
        else f"Upload the rollout {document.run}, {len(document.stacks)} stacks, and {assets} assets",
        resource=Resource("AWS::S3::Bucket", controller.bucket, *where),
        act=act,
        parameters=parameters(controller, document),
        actions=("s3:GetObject", "s3:PutObject"),
    )


def parameters(controller: Controller, document: Document) -> dict[str, str]:
    """Return what the audit log records: a reference to the document, which holds the stacks' parameters."""
    return {
        "file": document.file,
        "document": f"s3://{controller.bucket}/runs/{document.run}/document.json",
        "sha256": hashlib.sha256(document.to_json().encode()).hexdigest(),
        "targets": ", ".join(document.targets),
        **({"version": document.version} if document.version else {}),
    }
