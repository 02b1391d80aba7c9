"""The shared buckets as CDK code for the stack of a pipeline. Pure.

The code has their names, or looks them up in the SSM parameters that `replication deploy` creates in every
Region: CDK reads them at the first synthesis and keeps them in cdk.context.json.
"""

import json
from collections.abc import Mapping, Sequence

from ops.support_stacks.replication import SharedBucket
from ops.templates.support_stacks import PARAMETERS


def as_mapping(shared: Sequence[SharedBucket]) -> dict[str, dict[str, str]]:
    """Return a mapping from region to bucket name and key ARN."""
    return {
        item.region: {"bucketName": item.bucket, "keyArn": item.key_arn}
        for item in sorted(shared, key=lambda item: item.region)
    }


def as_json(shared: Sequence[SharedBucket]) -> str:
    return json.dumps(as_mapping(shared), indent=2) + "\n"


def as_typescript(mapping: Mapping[str, Mapping[str, str]]) -> str:
    """Return code for `new pipelines.CodePipeline(this, …, { crossRegionReplicationBuckets })`."""
    entries = "".join(
        f"""\
  '{region}': s3.Bucket.fromBucketAttributes(this, 'Replication-{region}', {{
    bucketName: '{item["bucketName"]}',
    region: '{region}',
    encryptionKey: kms.Key.fromKeyArn(this, 'ReplicationKey-{region}', '{item["keyArn"]}'),
  }}),
"""
        for region, item in mapping.items()
    )
    return f"""\
import {{ aws_kms as kms, aws_s3 as s3 }} from 'aws-cdk-lib';

const crossRegionReplicationBuckets = {{
{entries}}};
"""


def as_python(mapping: Mapping[str, Mapping[str, str]]) -> str:
    """Return code for `pipelines.CodePipeline(self, …, cross_region_replication_buckets=…)`."""
    entries = "".join(
        f"""\
    "{region}": s3.Bucket.from_bucket_attributes(
        self,
        "Replication-{region}",
        bucket_name="{item["bucketName"]}",
        region="{region}",
        encryption_key=kms.Key.from_key_arn(
            self, "ReplicationKey-{region}", "{item["keyArn"]}"
        ),
    ),
"""
        for region, item in mapping.items()
    )
    return f"""\
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

cross_region_replication_buckets = {{
{entries}}}
"""


def as_lookup_in_typescript(mapping: Mapping[str, Mapping[str, str]]) -> str:
    """Return code like `as_typescript` that looks up names; those in the mapping are used until then."""
    entries = "".join(
        f"""\
  '{region}': s3.Bucket.fromBucketAttributes(this, 'Replication-{region}', {{
    bucketName: lookUp('{region}/bucket-name', '{item["bucketName"]}'),
    region: '{region}',
    encryptionKey: kms.Key.fromKeyArn(
      this, 'ReplicationKey-{region}', lookUp('{region}/key-arn', '{item["keyArn"]}'),
    ),
  }}),
"""
        for region, item in mapping.items()
    )
    return f"""\
import {{ aws_kms as kms, aws_s3 as s3, aws_ssm as ssm }} from 'aws-cdk-lib';

const lookUp = (name: string, before: string) =>
  ssm.StringParameter.valueFromLookup(this, `{PARAMETERS}/${{name}}`, before);
const crossRegionReplicationBuckets = {{
{entries}}};
"""


def as_lookup_in_python(mapping: Mapping[str, Mapping[str, str]]) -> str:
    """Return code like `as_python` that looks up names; those in the mapping are used until then."""
    entries = "".join(
        f"""\
    "{region}": s3.Bucket.from_bucket_attributes(
        self,
        "Replication-{region}",
        bucket_name=look_up("{region}/bucket-name", "{item["bucketName"]}"),
        region="{region}",
        encryption_key=kms.Key.from_key_arn(
            self,
            "ReplicationKey-{region}",
            look_up("{region}/key-arn", "{item["keyArn"]}"),
        ),
    ),
"""
        for region, item in mapping.items()
    )
    return f"""\
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm


def look_up(name, before):
    return ssm.StringParameter.value_from_lookup(self, f"{PARAMETERS}/{{name}}", before)


cross_region_replication_buckets = {{
{entries}}}
"""
