"""The dataset types: one row each."""

from datetime import timedelta

from ops.logs.services import flow_logs, lines, records, text
from ops.logs.services.model import DatasetType, KeyLayout

_DAY = "%Y/%m/%d/"
_HIVE_DAY = "year=%Y/month=%m/day=%d/"
_DATED = r"\d{4}/\d\d/\d\d/"
_HIVE_DATED = r"year=\d{4}/month=\d\d/day=\d\d/"
_MINUTE = r"(?P<at>\d{8}T\d{4}Z)"
_GZ = r"\.log\.gz"


def _service(name: str, rest: str, wildcard: str = "{region}/") -> tuple[KeyLayout, ...]:
    """Return the layouts below AWSLogs: of an account, and of an organization's account."""
    return tuple(
        KeyLayout(f"AWSLogs/{org}{{account}}/{name}/{wildcard}", _DAY, _DATED + rest)
        for org in ("", "{org}/")
    )


def _balancers(resource: str, rest: str) -> tuple[KeyLayout, ...]:
    return _service(
        "elasticloadbalancing",
        rf"\d{{12}}_elasticloadbalancing_[^_]+_(?P<resource>{resource})_{_MINUTE}_{rest}",
    )


_FLOW_NAME = (
    rf"\d{{12}}_vpcflowlogs_[^_]+_(?P<resource>fl-[0-9a-f]+)_{_MINUTE}_[0-9a-f]+\.log\.(?:gz|parquet)"
)
_CLOUDFRONT_NAME = r"(?P<at>\d{4}-\d\d-\d\d-\d\d)\.[0-9a-zA-Z]+\.gz"
_S3_NAME = r"(?P<at>\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)-[0-9A-F]{16}"
_FIREHOSE_NAME = (
    r"\d{4}/\d\d/\d\d/\d\d/"
    r"(?P<resource>[a-zA-Z0-9_.-]+?)-\d+-(?P<at>\d{4}(?:-\d\d){5})-[0-9a-f-]{36}(?:\.\w+)*"
)

TYPES = (
    DatasetType(
        "alb",
        "Application Load Balancer access logs",
        _balancers(r"app\.[^_]+", rf"[^_/]+_[^_/]+{_GZ}"),
        text.read_alb,
        tuple(text.ALB),
    ),
    DatasetType(
        "nlb",
        "Network Load Balancer access logs",
        _balancers(r"net\.[^_]+", rf"[^_/]+{_GZ}"),
        text.read_nlb,
        tuple(text.NLB),
    ),
    DatasetType(
        "clb",
        "Classic Load Balancer access logs",
        _balancers(r"[^_.]+", r"[^_/]+_[^_/]+\.log"),
        text.read_clb,
        tuple(text.CLB),
    ),
    DatasetType(
        "cloudfront",
        "CloudFront standard logs",
        (
            KeyLayout("{distribution}.", "%Y-%m-%d-%H", _CLOUDFRONT_NAME),
            KeyLayout("AWSLogs/{account}/CloudFront/{distribution}.", "%Y-%m-%d-%H", _CLOUDFRONT_NAME),
            KeyLayout("AWSLogs/{account}/CloudFront/{any}/{distribution}.", "%Y-%m-%d-%H", _CLOUDFRONT_NAME),
            KeyLayout(
                "AWSLogs/{account}/CloudFront/{distribution}/",
                "%Y/%m/%d/%H/",
                rf"\d{{4}}/\d\d/\d\d/\d\d/(?:[A-Z0-9]+\.)?{_CLOUDFRONT_NAME}",
            ),
            KeyLayout(
                "AWSLogs/aws-account-id={account}/CloudFront/DistributionId={distribution}/",
                "year=%Y/month=%m/day=%d/hour=%H/",
                rf"{_HIVE_DATED}hour=\d\d/(?:[A-Z0-9]+\.)?{_CLOUDFRONT_NAME}",
            ),
        ),
        text.read_cloudfront,
        tuple(map(text.cloudfront_name, text.CLOUDFRONT)),
    ),
    DatasetType(
        "s3-access",
        "S3 server access logs",
        (
            KeyLayout("{account}/{region}/{any}/", _DAY, _DATED + _S3_NAME),
            KeyLayout("AWSLogs/{account}/S3/{any}/", "%Y-%m-%d-", _S3_NAME),
            KeyLayout("", "%Y-%m-%d-", _S3_NAME),
        ),
        text.read_s3_access,
        tuple(text.S3),
        before=timedelta(hours=6),  # delivered on a best-effort basis, most within a few hours
    ),
    DatasetType(
        "cloudtrail",
        "CloudTrail events",
        _service("CloudTrail", rf"(?P<resource>\d{{12}})_CloudTrail_[^_]+_{_MINUTE}_[A-Za-z0-9]+\.json\.gz"),
        records.read_cloudtrail,
    ),
    DatasetType(
        "vpc-flow-logs",
        "VPC flow logs",
        (
            *_service("vpcflowlogs", rf"(?:\d\d/)?{_FLOW_NAME}"),
            KeyLayout(
                "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/",
                _HIVE_DAY,
                rf"{_HIVE_DATED}(?:hour=\d\d/)?{_FLOW_NAME}",
            ),
        ),
        flow_logs.read_flow_logs,
        flow_logs.FIELDS,
    ),
    DatasetType(
        "resolver",
        "Route 53 Resolver query logs",
        _service(
            "vpcdnsquerylogs",
            rf"(?P<resource>vpc-[0-9a-f]+)_vpcdnsquerylogs_\d{{12}}_{_MINUTE}_[0-9a-z]+{_GZ}",
            "{any}/",
        ),
        records.read_resolver,
    ),
    DatasetType(
        "waf",
        "AWS WAF logs",
        _service(
            "WAFLogs",
            rf"\d\d/\d\d/\d{{12}}_waflogs_[^_]+_(?P<resource>[^/]+)_{_MINUTE}_[0-9a-f]+{_GZ}",
            "{region}/{any}/",
        ),
        records.read_waf,
    ),
    DatasetType(
        "export-task",
        "Export tasks of CloudWatch Logs",
        (
            KeyLayout("{task}/", "", r"(?P<stream>[^/]+)/\d{6}\.gz"),
            KeyLayout("{any}/{task}/", "", r"(?P<stream>[^/]+)/\d{6}\.gz"),
        ),
        lines.read_export_task,
        leveled=True,
    ),
    DatasetType(
        "opensearch-logging",
        "Logs of Centralized Logging with OpenSearch",
        (
            KeyLayout(
                "AppLogs/{resource}/",
                _HIVE_DAY,
                r"(?P<at>year=\d{4}/month=\d\d/day=\d\d)/(?:\d{4}-\d\d-\d\d-)?\d\d-\d\d-\d\d-[^/]+",
            ),
            *(
                KeyLayout(
                    f"AWSLogs/{{account}}/{service}/{{region}}/{{resource}}/",
                    "%Y/%m/%d/%H/",
                    r"(?P<at>\d{4}/\d\d/\d\d/\d\d)/[^/]+",
                )
                for service in ("Lambda", "RDS")
            ),
        ),
        lines.read_firehose,
        leveled=True,
        after=timedelta(hours=2),
    ),
    DatasetType(
        "firehose",
        "Objects of Amazon Data Firehose",
        (KeyLayout("", "%Y/%m/%d/%H/", _FIREHOSE_NAME),),
        lines.read_firehose,
        leveled=True,
    ),
    DatasetType(
        "lines", "Plain lines, with gzip, Zstandard, or no compression", (), lines.read_lines, leveled=True
    ),
)
BY_NAME = {type_.name: type_ for type_ in TYPES}
