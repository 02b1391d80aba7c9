"""Stream, delivery stream, processor, and bucket, each with a least-privilege role."""

from typing import Any

from troposphere import (
    AWSObject,
    GetAtt,
    If,
    Join,
    NoValue,
    Ref,
    Select,
    Split,
    Sub,
    awslambda,
    iam,
    kinesis,
    logs,
    s3,
)
from troposphere import firehose as fh

from ops.templates.logs.subscriber import CANARY_DAYS, CANARY_FOLDER, RUNTIME, log_group
from ops.templates.policies import accepted, allow, arn, document, trusts

# Firehose waits at most five minutes: Amazon Data Firehose Developer Guide, "Transform source data".
TIMEOUT_S = 300
MEMORY_MB = 1769  # one vCPU: AWS Lambda Developer Guide, "Configure Lambda function memory"
ARCHITECTURE = "arm64"

RESULTS = "results/"  # Athena query results, below the prefix of all keys
RESULTS_DAYS = 7  # results are reused for an hour

BUCKET_ARN = If("MakesBucket", GetAtt("LogBucket", "Arn"), Ref("BucketName"))
BUCKET = Select(5, Split(":", BUCKET_ARN))
FOLDER = If("IsRaw", "raw", "json")
DELIVERY = If("IsProcessed", Ref("DeliveryStream"), Ref("DeliveryStreamAsItComes"))
_OBJECTS = Join("", [BUCKET_ARN, "/", Ref("BucketPrefix"), "*"])
_KEYS = "/".join(
    f"{name}=!{{partitionKeyFromLambda:{name}}}" for name in ("account", "region", "date", "hour")
)
_FORMAT = "!{partitionKeyFromLambda:format}"
_ARRIVAL = "date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"


def resources(processor: str) -> tuple[AWSObject, ...]:
    return (*_bucket(), _stream(), *_processor(processor), *_delivery())


def direct_resources() -> tuple[AWSObject, ...]:
    """Return a bucket and a delivery stream that subscription filters send to, without a Kinesis stream."""
    sends = ["firehose:PutRecord", "firehose:PutRecordBatch"]
    on_bucket, on_objects, on_log, on_key = _writes()
    return (
        *_bucket(),
        *_delivery_role((on_objects, on_bucket, on_log, on_key)),
        _delivery_stream("DeliveryStream", _untransformed(), DeliveryStreamType="DirectPut"),
        iam.Role(
            "Sender",
            AssumeRolePolicyDocument=trusts(
                "logs.amazonaws.com", {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}
            ),
            Policies=[
                iam.Policy(
                    PolicyName="send",
                    PolicyDocument=document(allow(sends, GetAtt("DeliveryStream", "Arn"))),
                )
            ],
        ),
    )


def _bucket() -> tuple[AWSObject, ...]:
    cool = s3.LifecycleRuleTransition(StorageClass="GLACIER_IR", TransitionInDays=Ref("ColdAfterDays"))
    life = s3.LifecycleConfiguration(
        Rules=[
            s3.LifecycleRule(
                Id="age",
                Status="Enabled",
                Prefix=Ref("BucketPrefix"),
                AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=1),
                Transitions=If("Cools", [cool], NoValue),
                ExpirationInDays=If("Expires", Ref("ExpireAfterDays"), NoValue),
            ),
            s3.LifecycleRule(
                Id="results",
                Status="Enabled",
                Prefix=Join("", [Ref("BucketPrefix"), RESULTS]),
                ExpirationInDays=RESULTS_DAYS,
            ),
            s3.LifecycleRule(
                Id="canary",
                Status="Enabled",
                Prefix=Join("", [Ref("BucketPrefix"), CANARY_FOLDER]),
                ExpirationInDays=CANARY_DAYS,
            ),
        ]
    )
    by_key = s3.ServerSideEncryptionByDefault(SSEAlgorithm="aws:kms", KMSMasterKeyID=Ref("KeyArn"))
    default = If("HasKey", by_key, s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256"))
    bucket = s3.Bucket(
        "LogBucket",
        Condition="MakesBucket",
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=default, BucketKeyEnabled=True)
            ]
        ),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(
            Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
        ),
        LifecycleConfiguration=life,
        Metadata=accepted(
            CKV_AWS_18="Access to the logs is recorded by the account's CloudTrail trail",
            CKV_AWS_21="Objects are written once; versions would keep what compaction deletes",
        ),
    )
    policy = s3.BucketPolicy(
        "LogBucketPolicy",
        Condition="MakesBucket",
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        Bucket=Ref("LogBucket"),
        PolicyDocument=document(
            {
                "Sid": "TLSOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [GetAtt("LogBucket", "Arn"), Sub("${LogBucket.Arn}/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ),
    )
    return bucket, policy


def _stream() -> kinesis.Stream:
    mode = kinesis.StreamModeDetails
    return kinesis.Stream(
        "LogStream",
        StreamModeDetails=If("HasShards", mode(StreamMode="PROVISIONED"), mode(StreamMode="ON_DEMAND")),
        ShardCount=If("HasShards", Ref("ShardCount"), NoValue),
        RetentionPeriodHours=Ref("Retention"),
        StreamEncryption=kinesis.StreamEncryption(
            EncryptionType="KMS", KeyId=If("HasKey", Ref("KeyArn"), "alias/aws/kinesis")
        ),
    )


def _processor(source: str) -> tuple[AWSObject, ...]:
    package = Split("/", Ref("ProcessorPackage"))
    # The key is one folder and a file: Slipway names the file by the digest of its content.
    uploaded = awslambda.Code(
        S3Bucket=Select(0, package), S3Key=Join("/", [Select(1, package), Select(2, package)])
    )
    variables = {
        "FORMAT": FOLDER,
        "STREAM": Ref("LogStream"),
        "BUCKET": BUCKET,
        "PREFIX": Ref("BucketPrefix"),
    }
    return (
        log_group("ProcessorLogs", "processor", Condition="IsProcessed"),
        iam.Role(
            "ProcessorRole",
            Condition="IsProcessed",
            AssumeRolePolicyDocument=trusts("lambda.amazonaws.com"),
            Policies=[
                iam.Policy(
                    PolicyName="process",
                    PolicyDocument=document(
                        allow(["kinesis:PutRecords"], GetAtt("LogStream", "Arn")),
                        allow(["s3:PutObject"], _OBJECTS),
                        If("HasKey", allow(["kms:GenerateDataKey"], Ref("KeyArn")), NoValue),
                        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("ProcessorLogs", "Arn")),
                    ),
                )
            ],
        ),
        awslambda.Function(
            "Processor",
            Condition="IsProcessed",
            Description="Transforms subscription records into log lines for S3",
            Runtime=RUNTIME,
            Handler="index.handler",
            Architectures=[ARCHITECTURE],
            Timeout=TIMEOUT_S,
            MemorySize=MEMORY_MB,
            Role=GetAtt("ProcessorRole", "Arn"),
            Code=If("HasPackage", uploaded, awslambda.Code(ZipFile=source)),
            Environment=awslambda.Environment(Variables=variables),
            LoggingConfig=awslambda.LoggingConfig(LogGroup=Ref("ProcessorLogs")),
            Metadata=accepted(
                CKV_AWS_115="One invocation per shard; reserved concurrency would reduce the account's pool",
                CKV_AWS_116="Invoked synchronously: failed records go to the error prefix",
                CKV_AWS_117="Calls AWS APIs only",
                CKV_AWS_173="The environment holds no secret",
            ),
        ),
    )


def _delivery() -> tuple[AWSObject, ...]:
    source = {
        "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": fh.KinesisStreamSourceConfiguration(
            KinesisStreamARN=GetAtt("LogStream", "Arn"), RoleARN=GetAtt("DeliveryRole", "Arn")
        ),
    }
    return (
        *_delivery_role(_statements()),
        # Dynamic partitioning cannot be turned on or off later, so this format has a stream of its own.
        _delivery_stream("DeliveryStream", _processed(), Condition="IsProcessed", **source),
        _delivery_stream("DeliveryStreamAsItComes", _untransformed(), Condition="IsAsItComes", **source),
    )


def _delivery_role(statements: tuple[Any, ...]) -> tuple[AWSObject, ...]:
    return (
        log_group("DeliveryLogs", "delivery"),
        logs.LogStream("DeliveryLogStream", LogGroupName=Ref("DeliveryLogs"), LogStreamName="S3"),
        iam.Role(
            "DeliveryRole",
            AssumeRolePolicyDocument=trusts(
                "firehose.amazonaws.com", {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}
            ),
        ),
        iam.PolicyType(
            "DeliveryReads",
            PolicyName="deliver",
            Roles=[Ref("DeliveryRole")],
            PolicyDocument=document(*statements),
        ),
    )


def _writes() -> tuple[Any, Any, Any, Any]:
    """Return what delivery needs on the bucket, its objects, its own log, and the key."""
    on_bucket = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    return (
        allow(on_bucket, BUCKET_ARN),
        allow(["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"], _OBJECTS),
        allow(
            ["logs:PutLogEvents"], arn("logs:${AWS::Region}:${AWS::AccountId}:log-group:${DeliveryLogs}:*")
        ),
        If("HasKey", allow(["kms:Decrypt", "kms:GenerateDataKey"], Ref("KeyArn")), NoValue),
    )


def _statements() -> tuple[Any, ...]:
    on_stream = [
        "kinesis:DescribeStream",
        "kinesis:GetShardIterator",
        "kinesis:GetRecords",
        "kinesis:ListShards",
    ]
    calls = ["lambda:InvokeFunction", "lambda:GetFunctionConfiguration"]
    on_bucket, on_objects, on_log, on_key = _writes()
    return (
        on_objects,
        on_bucket,
        allow(on_stream, GetAtt("LogStream", "Arn")),
        on_log,
        If("IsProcessed", allow(calls, [GetAtt("Processor", "Arn"), Sub("${Processor.Arn}:*")]), NoValue),
        on_key,
    )


def _processed() -> dict[str, Any]:
    settings = {
        "LambdaArn": GetAtt("Processor", "Arn"),
        "RoleArn": GetAtt("DeliveryRole", "Arn"),
        "BufferSizeInMBs": Ref("ProcessorBufferSizeHint"),
        "BufferIntervalInSeconds": Ref("ProcessorBufferIntervalHint"),
        "NumberOfRetries": "3",
    }
    parameters = [fh.ProcessorParameter(ParameterName=k, ParameterValue=v) for k, v in settings.items()]
    return {
        "Prefix": Sub(f"${{BucketPrefix}}{_FORMAT}/{_KEYS}/"),
        "CompressionFormat": "GZIP",
        "DynamicPartitioningConfiguration": fh.DynamicPartitioningConfiguration(
            Enabled=True, RetryOptions=fh.RetryOptions(DurationInSeconds=300)
        ),
        "ProcessingConfiguration": fh.ProcessingConfiguration(
            Enabled=True, Processors=[fh.Processor(Type="Lambda", Parameters=parameters)]
        ),
    }


def _untransformed() -> dict[str, Any]:
    """Concatenated gzip members are a valid gzip file, so records need no transformation."""
    return {"Prefix": Sub(f"${{BucketPrefix}}cloudwatch/{_ARRIVAL}"), "CompressionFormat": "UNCOMPRESSED"}


def _delivery_stream(name: str, settings: dict[str, Any], **source: Any) -> fh.DeliveryStream:
    key = fh.KMSEncryptionConfig(AWSKMSKeyARN=Ref("KeyArn"))
    return fh.DeliveryStream(
        name,
        DependsOn=["DeliveryReads"],
        ExtendedS3DestinationConfiguration=fh.ExtendedS3DestinationConfiguration(
            BucketARN=BUCKET_ARN,
            RoleARN=GetAtt("DeliveryRole", "Arn"),
            ErrorOutputPrefix=Sub(f"${{BucketPrefix}}errors/!{{firehose:error-output-type}}/{_ARRIVAL}"),
            FileExtension=".gz",
            BufferingHints=fh.BufferingHints(
                IntervalInSeconds=Ref("BufferIntervalHint"), SizeInMBs=Ref("BufferSizeHint")
            ),
            CloudWatchLoggingOptions=fh.CloudWatchLoggingOptions(
                Enabled=True, LogGroupName=Ref("DeliveryLogs"), LogStreamName=Ref("DeliveryLogStream")
            ),
            EncryptionConfiguration=If(
                "HasKey", fh.EncryptionConfiguration(KMSEncryptionConfig=key), NoValue
            ),
            **settings,
        ),
        **source,
    )
