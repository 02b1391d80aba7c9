"""Whether the endpoints of AWS can be reached from this machine, through its proxy."""

from botocore.awsrequest import AWSRequest
from botocore.exceptions import ConnectionError as NotConnected
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from ops.aws.calls import translated
from ops.aws.cloud import CONNECT_TIMEOUT_S, Cloud, Place

# botocore's names of the services that Slipway calls.
SERVICES = (
    *("account", "athena", "cloudformation", "cloudwatch", "codepipeline", "dynamodb", "ec2", "glue", "iam"),
    *("kinesis", "kms", "lambda", "logs", "organizations", "rds", "resourcegroupstaggingapi", "s3"),
    *("stepfunctions", "sts"),
)


def unreachable(cloud: Cloud, place: Place) -> dict[str, str]:
    """Return the endpoints in the region that do not answer, with the reason. The requests are unsigned."""
    with translated("Finding the endpoints"):
        urls = {
            str(cloud.client(service, place.account.id, place.region).meta.endpoint_url)
            for service in SERVICES
        }
    return {url: reason for url in sorted(urls) if (reason := _failure(url))}


def _failure(url: str) -> str:
    """Return why there is no answer; any answer, such as 403, shows that the endpoint was reached."""
    trusted = get_session().get_config_variable("ca_bundle") or True  # of a proxy that ends TLS
    session = URLLib3Session(trusted, get_environ_proxies(url), CONNECT_TIMEOUT_S)
    try:
        session.send(AWSRequest("GET", url).prepare())
    except (HTTPClientError, NotConnected) as error:
        return str(error)
    finally:
        session.close()
    return ""
