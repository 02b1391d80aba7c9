# ruff: noqa: E501 (lines of logs stay whole)
"""One object of each dataset type as AWS documents it, with the rows that it must become.

The addresses are from documentation ranges. `rows` are, for each event in the order of time: time, account,
region, log group, log stream, and fields of the message with their values.
"""

import gzip
import io
import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ACCOUNT, REGION = "111111111111", "eu-west-1"
OTHER = "222222222222"

Row = tuple[str, str, str, str, str, dict[str, Any] | str]


@dataclass(frozen=True)
class Sample:
    type: str
    key: str
    body: bytes
    rows: list[Row]
    name: str = ""
    damaged: bytes = field(default=b"\x00\xff not a record \xfe\n{]\n")

    @property
    def id(self) -> str:
        return self.name or self.type


def _zip(*lines: str) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def _elb(resource: str, rest: str) -> str:
    return (
        f"AWSLogs/{ACCOUNT}/elasticloadbalancing/{REGION}/2026/11/24/"
        f"{ACCOUNT}_elasticloadbalancing_{REGION}_{resource}_20261124T1005Z_{rest}"
    )


ALB = Sample(
    "alb",
    _elb("app.shop.50dc6c495c0c9188", "203.0.113.9_2soosksi.log.gz"),
    _zip(
        'h2 2026-11-24T10:00:01.246812Z app/shop/50dc6c495c0c9188 192.0.2.17:2817 10.0.0.66:9000 0.000 0.001 0.025 '
        '200 200 257 3217 "GET https://shop.example:443/cart?id=7 HTTP/2.0" "curl/7.46.0 \\"x\\"" '
        'ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:eu-west-1:111111111111:targetgroup/a/1 '
        '"Root=1-58337364-23a8c76965a2ef7629b185e3" "shop.example" "-" 1 2026-11-24T10:00:01.220000Z "forward" '
        '"-" "-" "10.0.0.66:9000" "200" "-" "-" TID_1234abcd',
        'https 2026-11-24T10:00:02.500000Z app/shop/50dc6c495c0c9188 [2001:db8::7]:41000 - -1 -1 -1 '
        '503 - 34 366 "POST https://shop.example:443/pay HTTP/1.1" "-" - - - "Root=1-0-1" "-" "-" 0 '
        '2026-11-24T10:00:02.364000Z "fixed-response" "-" "-" "-" "-" "-" "-" TID_5 "-" "-" "-" later-field',
    ),
    [
        (
            "2026-11-24T10:00:01.247", ACCOUNT, REGION, "alb/app/shop/50dc6c495c0c9188", "192.0.2.17",
            {
                "status": 200, "target_status": 200, "client_ip": "192.0.2.17", "client_port": 2817,
                "target_ip": "10.0.0.66", "method": "GET", "path": "/cart", "query": "id=7", "duration": 0.026,
                "sent_bytes": 3217, "user_agent": 'curl/7.46.0 \\"x\\"', "domain_name": "shop.example",
                "error_reason": None, "conn_trace_id": "TID_1234abcd",
            },
        ),
        (
            "2026-11-24T10:00:02.500", ACCOUNT, REGION, "alb/app/shop/50dc6c495c0c9188", "2001:db8::7",
            {
                "status": 503, "target_status": None, "target_ip": None, "client_port": 41000, "method": "POST",
                "user_agent": None, "duration": None, "actions_executed": "fixed-response",
            },
        ),
    ],
)  # fmt: skip

NLB = Sample(
    "nlb",
    _elb("net.mail.c6e77e28c25b2234", "5f3b6b2e.log.gz"),
    _zip(
        "tls 2.0 2026-11-24T10:00:59 net/mail/c6e77e28c25b2234 g3d4b5e8bb8464cd 192.0.2.51:51341 "
        "10.0.0.14:443 5 2 98 246 - arn:aws:acm:eu-west-1:111111111111:certificate/2a1 - "
        "ECDHE-RSA-AES128-SHA tlsv12 - mail.example h2 h2 \"h2\",\"http/1.1\" 2026-11-24T10:00:58"
    ),
    [
        (
            "2026-11-24T10:00:59", ACCOUNT, REGION, "nlb/net/mail/c6e77e28c25b2234", "192.0.2.51",
            {
                "client_ip": "192.0.2.51", "destination_port": 443, "received_bytes": 98, "sent_bytes": 246,
                "duration": 0.005, "tls_protocol_version": "tlsv12", "domain_name": "mail.example",
                "incoming_tls_alert": None, "tls_connection_creation_time": "2026-11-24T10:00:58",
            },
        )
    ],
)  # fmt: skip

CLB = Sample(
    "clb",
    _elb("old-lb", "203.0.113.4_20sg8hgm.log"),
    (
        b'2026-11-24T10:00:39.134512Z old-lb 192.0.2.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 '
        b'"GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -\n'
        b'2026-11-24T10:00:40.000000Z old-lb 192.0.2.39:2817 10.0.0.1:80 0.001069 0.000028 0.000041 - - 82 305 '
        b'"- - - " "-" - -\n'
    ),
    [
        (
            "2026-11-24T10:00:39.135", ACCOUNT, REGION, "clb/old-lb", "192.0.2.39",
            {"status": 200, "path": "/", "backend_ip": "10.0.0.1", "duration": 0.001178, "sent_bytes": 29},
        ),
        (
            "2026-11-24T10:00:40", ACCOUNT, REGION, "clb/old-lb", "192.0.2.39",
            {"status": None, "method": None, "received_bytes": 82},
        ),
    ],
)  # fmt: skip

_CF_HEADER = (
    "#Version: 1.0",
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol "
    "cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type "
    "cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte "
    "x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end",
)
CLOUDFRONT = Sample(
    "cloudfront",
    "EMLARXS9EXAMPLE.2026-11-24-10.b1fc4ab2.gz",
    _zip(
        *_CF_HEADER,
        "2026-11-24\t10:13:11\tLAX1\t2390282\t192.0.2.202\tGET\td111111abcdef8.cloudfront.net\t"
        "/soundtrack/happy.mp3\t304\twww.unknownsingers.com\tMozilla/4.0%20(compatible)\ta=b&c=d\t"
        "zip=50158\tHit\txGN7KWpVEmB9Dp7ctcVFQC4E\tbbs.example\thttp\t-\t0.001\t-\t-\t-\tHit\tHTTP/1.1\t-\t-\t"
        "11040\t0.001\tHit\ttext/html\t78\t-\t-",
    ),
    [
        (
            "2026-11-24T10:13:11", "unknown", "unknown", "cloudfront/EMLARXS9EXAMPLE", "LAX1",
            {
                "status": 304, "client_ip": "192.0.2.202", "method": "GET", "path": "/soundtrack/happy.mp3",
                "query": "a=b&c=d", "sent_bytes": 2390282, "duration": 0.001, "x_edge_result_type": "Hit",
                "received_bytes": None, "client_port": 11040, "cs_host": "d111111abcdef8.cloudfront.net",
            },
        )
    ],
)  # fmt: skip
CLOUDFRONT_V2 = Sample(
    "cloudfront",
    f"AWSLogs/{ACCOUNT}/CloudFront/EMLARXS9EXAMPLE/2026/11/24/10/EMLARXS9EXAMPLE.2026-11-24-10.4c3bd6bf.gz",
    _zip(
        '{"date":"2026-11-24","time":"10:13:12","x-edge-location":"FRA50","c-ip":"192.0.2.9","sc-status":"502",'
        '"cs-method":"GET","cs-uri-stem":"/a","timestamp(ms)":"1795515192345"}'
    ),
    [
        (
            "2026-11-24T10:13:12.345", ACCOUNT, "unknown", "cloudfront/EMLARXS9EXAMPLE", "FRA50",
            {"status": 502, "client_ip": "192.0.2.9", "path": "/a"},
        )
    ],
    "cloudfront-v2",
)  # fmt: skip

_S3_LINE = (
    "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be DOC-EXAMPLE [24/Nov/2026:10:02:03 +0000] "
    "192.0.2.3 arn:aws:sts::111111111111:assumed-role/app/i-1 3E57427F33A59F07 REST.GET.OBJECT a%20b.csv "
    '"GET /DOC-EXAMPLE/a%20b.csv?versionId=x HTTP/1.1" 404 NoSuchKey 297 - 38 7 "-" "S3 "quoted" Console/0.4" - '
    "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 "
    "ECDHE-RSA-AES128-GCM-SHA256 AuthHeader DOC-EXAMPLE.s3.eu-west-1.amazonaws.com TLSV1.2 - Yes"
)
_S3_ROW: Row = (
    "2026-11-24T10:02:03", ACCOUNT, REGION, "s3-access/DOC-EXAMPLE", "DOC-EXAMPLE",
    {
        "status": 404, "error_code": "NoSuchKey", "operation": "REST.GET.OBJECT", "key": "a%20b.csv",
        "client_ip": "192.0.2.3", "sent_bytes": 297, "object_size": None, "duration": 0.038, "method": "GET",
        "path": "/DOC-EXAMPLE/a%20b.csv", "user_agent": 'S3 "quoted" Console/0.4', "acl_required": "Yes",
        "requester": "arn:aws:sts::111111111111:assumed-role/app/i-1", "tls_version": "TLSV1.2",
    },
)  # fmt: skip
S3_ACCESS = Sample(
    "s3-access",
    f"{ACCOUNT}/{REGION}/DOC-EXAMPLE/2026/11/24/2026-11-24-10-20-00-E568B2907131C0C0",
    _S3_LINE.encode() + b"\n",
    [_S3_ROW],
)
S3_SIMPLE = Sample(
    "s3-access",
    "2026-11-24-10-20-00-E568B2907131C0C0",
    _S3_LINE.encode() + b"\n",
    [(_S3_ROW[0], "unknown", "unknown", *_S3_ROW[3:])],
    "s3-access-simple",
)

_CALL = {
    "eventVersion": "1.08",
    "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/Ada", "accountId": ACCOUNT},
    "eventTime": "2026-11-24T10:03:04Z",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "StopInstances",
    "awsRegion": REGION,
    "sourceIPAddress": "192.0.2.40",
    "errorCode": "Client.UnauthorizedOperation",
    "readOnly": False,
    "eventID": "0a1b2c3d-0000-4000-8000-000000000001",
    "recipientAccountId": ACCOUNT,
}
CLOUDTRAIL = Sample(
    "cloudtrail",
    f"AWSLogs/o-exampleorg1/{ACCOUNT}/CloudTrail/{REGION}/2026/11/24/"
    f"{ACCOUNT}_CloudTrail_{REGION}_20261124T1010Z_mkOPqEXAMPLE1234.json.gz",
    gzip.compress(json.dumps({"Records": [_CALL]}).encode(), mtime=0),
    [
        (
            "2026-11-24T10:03:04", ACCOUNT, REGION, "cloudtrail", "ec2.amazonaws.com",
            {**_CALL, "client_ip": "192.0.2.40"},
        )
    ],
)  # fmt: skip


def _flow_key(suffix: str, folder: str = "") -> str:
    return folder or (
        f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2026/11/24/"
        f"{ACCOUNT}_vpcflowlogs_{REGION}_fl-1234abcd_20261124T1005Z_fe123456.log.{suffix}"
    )


FLOW_LOGS = Sample(
    "vpc-flow-logs",
    _flow_key("gz"),
    _zip(
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
        "log-status",
        f"2 {ACCOUNT} eni-1235b8ca123456789 192.0.2.139 192.0.2.21 20641 22 6 20 4249 1795514410 1795514470 "
        "ACCEPT OK",
        f"2 {ACCOUNT} eni-1235b8ca123456789 192.0.2.89 192.0.2.21 49761 3389 6 3 180 1795514411 1795514470 "
        "REJECT OK",
        f"2 {ACCOUNT} eni-1235b8ca123456789 - - - - - - - 1795514412 1795514470 - NODATA",
    ),
    [
        (
            "2026-11-24T10:00:10", ACCOUNT, REGION, "vpc-flow-logs", "eni-1235b8ca123456789",
            {"srcaddr": "192.0.2.139", "dstport": 22, "bytes": 4249, "action": "ACCEPT", "log_status": "OK"},
        ),
        (
            "2026-11-24T10:00:11", ACCOUNT, REGION, "vpc-flow-logs", "eni-1235b8ca123456789",
            {"srcaddr": "192.0.2.89", "dstport": 3389, "packets": 3, "action": "REJECT"},
        ),
        (
            "2026-11-24T10:00:12", ACCOUNT, REGION, "vpc-flow-logs", "eni-1235b8ca123456789",
            {"srcaddr": None, "action": None, "log_status": "NODATA"},
        ),
    ],
)  # fmt: skip
FLOW_LOGS_V5 = Sample(
    "vpc-flow-logs",
    f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={REGION}/year=2026/month=11/day=24/"
    f"hour=10/{ACCOUNT}_vpcflowlogs_{REGION}_fl-1234abcd_20261124T1005Z_fe123456.log.gz",
    _zip(
        "action pkt-dst-aws-service flow-direction traffic-path vpc-id tcp-flags start srcaddr dstaddr dstport "
        "interface-id",
        "REJECT S3 egress 8 vpc-0abc 2 1795514410 10.0.0.5 192.0.2.7 443 eni-0a",
    ),
    [
        (
            "2026-11-24T10:00:10", ACCOUNT, REGION, "vpc-flow-logs/vpc-0abc", "eni-0a",
            {
                "action": "REJECT", "pkt_dst_aws_service": "S3", "flow_direction": "egress", "traffic_path": 8,
                "tcp_flags": 2, "dstport": 443, "version": None,
            },
        )
    ],
    "vpc-flow-logs-v5-hive",
)  # fmt: skip


def _parquet() -> bytes:
    table = pa.table(
        {
            "version": pa.array([5, 5], pa.int32()),
            "account_id": [ACCOUNT, ACCOUNT],
            "interface_id": ["eni-0a", "eni-0b"],
            "srcaddr": ["10.0.0.5", None],
            "dstaddr": ["192.0.2.7", "-"],
            "dstport": pa.array([443, None], pa.int32()),
            "bytes": pa.array([5_000_000_000, None], pa.int64()),
            "start": pa.array([1795514410, 1795514420], pa.int64()),
            "action": ["REJECT", None],
            "log_status": ["OK", "SKIPDATA"],
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out, compression="gzip")
    return out.getvalue()


FLOW_LOGS_PARQUET = Sample(
    "vpc-flow-logs",
    _flow_key("parquet"),
    _parquet(),
    [
        (
            "2026-11-24T10:00:10", ACCOUNT, REGION, "vpc-flow-logs", "eni-0a",
            {"srcaddr": "10.0.0.5", "dstport": 443, "bytes": 5_000_000_000, "action": "REJECT"},
        ),
        (
            "2026-11-24T10:00:20", ACCOUNT, REGION, "vpc-flow-logs", "eni-0b",
            {"srcaddr": None, "dstaddr": None, "bytes": None, "log_status": "SKIPDATA"},
        ),
    ],
    "vpc-flow-logs-parquet",
    b"PAR1 not Parquet PAR1",
)  # fmt: skip

RESOLVER = Sample(
    "resolver",
    f"AWSLogs/{ACCOUNT}/vpcdnsquerylogs/vpc-0abc1234/2026/11/24/"
    f"vpc-0abc1234_vpcdnsquerylogs_{ACCOUNT}_20261124T1005Z_3da4e1f2.log.gz",
    _zip(
        json.dumps(
            {
                "version": "1.100000", "account_id": OTHER, "region": "eu-west-2", "vpc_id": "vpc-0abc1234",
                "query_timestamp": "2026-11-24T10:01:55Z", "query_name": "db.example.", "query_type": "A",
                "query_class": "IN", "rcode": "NXDOMAIN", "answers": [], "srcaddr": "10.0.0.4", "srcport": "36868",
                "transport": "UDP", "srcids": {"instance": "i-0d15cd0d3example"},
            }
        )
    ),
    [
        (
            "2026-11-24T10:01:55", OTHER, "eu-west-2", "resolver/vpc-0abc1234", "i-0d15cd0d3example",
            {"query_name": "db.example.", "rcode": "NXDOMAIN", "client_ip": "10.0.0.4", "answers": []},
        )
    ],
)  # fmt: skip

_ACL = f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/shop/1a2b"
WAF = Sample(
    "waf",
    f"AWSLogs/{ACCOUNT}/WAFLogs/{REGION}/shop/2026/11/24/10/05/"
    f"{ACCOUNT}_waflogs_{REGION}_shop_20261124T1005Z_c8f53a62.log.gz",
    _zip(
        json.dumps(
            {
                "timestamp": 1795514421001, "formatVersion": 1, "webaclId": _ACL, "terminatingRuleId": "SQLi",
                "terminatingRuleType": "REGULAR", "action": "BLOCK", "httpSourceName": "ALB",
                "httpSourceId": f"{ACCOUNT}-app/shop/50dc6c495c0c9188", "responseCodeSent": 403,
                "httpRequest": {
                    "clientIp": "192.0.2.66", "country": "DE", "uri": "/login", "args": "a=1", "httpMethod": "POST",
                    "headers": [{"name": "Host", "value": "shop.example"}], "requestId": "r1",
                },
            }
        )
    ),
    [
        (
            "2026-11-24T10:00:21.001", ACCOUNT, REGION, "waf/shop", f"{ACCOUNT}-app/shop/50dc6c495c0c9188",
            {
                "action": "BLOCK", "client_ip": "192.0.2.66", "status": 403, "path": "/login", "method": "POST",
                "country": "DE", "host": "shop.example", "terminatingRuleId": "SQLi",
            },
        )
    ],
)  # fmt: skip

_TASK = "0d3f5a7b-1111-4222-8333-444455556666"
EXPORT_TASK = Sample(
    "export-task",
    f"exportedlogs/{_TASK}/app-i-0abc/000000.gz",
    _zip(
        "2026-11-24T10:00:01.500Z ERROR first",
        "Traceback (most recent call last):",
        "  File \"app.py\", line 1",
        "2026-11-24T10:00:02.000Z INFO second",
    ),
    [
        (
            "2026-11-24T10:00:01.500", "unknown", "unknown", f"export/{_TASK}", "app-i-0abc",
            'ERROR first\nTraceback (most recent call last):\n  File "app.py", line 1',
        ),
        ("2026-11-24T10:00:02", "unknown", "unknown", f"export/{_TASK}", "app-i-0abc", "INFO second"),
    ],
)  # fmt: skip

FIREHOSE = Sample(
    "firehose",
    "2026/11/24/10/clicks-1-2026-11-24-10-05-01-0b1c2d3e-1111-2222-3333-444455556666",
    b'{"time":"2026-11-24T10:00:03Z","level":"error","user":"ada"}{"user":"bob","at":1}\n',
    [
        (
            "2026-11-24T10:00:03", "unknown", "unknown", "firehose/clicks", "",
            {"level": "error", "user": "ada"},
        ),
        ("2026-11-24T10:00:03", "unknown", "unknown", "firehose/clicks", "", {"user": "bob", "at": 1}),
    ],
)  # fmt: skip
OPENSEARCH = Sample(
    "opensearch-logging",
    "AppLogs/shop-nginx/year=2026/month=11/day=24/2026-11-24-10-05-07-OaLkdIQr.gz",
    _zip('{"log":"GET / 500","time":"2026-11-24T10:00:03.250Z","status":"500"}'),
    [
        (
            "2026-11-24T10:00:03.250", "unknown", "unknown", "firehose/shop-nginx", "",
            {"log": "GET / 500", "status": "500"},
        )
    ],
)  # fmt: skip

_PLAIN = (
    b"2026-11-24 10:00:05,123 ERROR app: failed\njava.lang.X: y\n\tat a.B.c(D.java:1)\n"
    b"2026-11-24 10:00:06,000 INFO app: fine\n"
)
_PLAIN_ROWS: list[Row] = [
    (
        "2026-11-24T10:00:05.123",
        "unknown",
        "unknown",
        "lines",
        "",
        "2026-11-24 10:00:05,123 ERROR app: failed",
    ),
    ("2026-11-24T10:00:05.123", "unknown", "unknown", "lines", "", "java.lang.X: y\n\tat a.B.c(D.java:1)"),
    ("2026-11-24T10:00:06", "unknown", "unknown", "lines", "", "2026-11-24 10:00:06,000 INFO app: fine"),
]
LINES = Sample("lines", "app/2026/11/24/app-1.log.gz", gzip.compress(_PLAIN, mtime=0), _PLAIN_ROWS)
LINES_ZSTD = Sample(
    "lines", "app/app-1.log.zst", pa.compress(_PLAIN, "zstd", asbytes=True), _PLAIN_ROWS, "lines-zstd"
)

SAMPLES = (
    ALB, NLB, CLB, CLOUDFRONT, CLOUDFRONT_V2, S3_ACCESS, S3_SIMPLE, CLOUDTRAIL, FLOW_LOGS, FLOW_LOGS_V5,
    FLOW_LOGS_PARQUET, RESOLVER, WAF, EXPORT_TASK, FIREHOSE, OPENSEARCH, LINES, LINES_ZSTD,
)  # fmt: skip
