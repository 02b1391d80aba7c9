"""Account-level subscription filter policies: PutAccountPolicy, DescribeAccountPolicies, DeleteAccountPolicy.

Each account and region has one SUBSCRIPTION_FILTER_POLICY; its only selection is `LogGroupName NOT IN [...]`.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html
"""

import json
import re
import time
from typing import Any

from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    get_account_id,
    json_response,
)
from ministack.services.cloudformation import provisioners

from ops.embedded.context import OverlayContext
from ops.embedded.logs import extending
from ops.embedded.logs.destinations import subscription_problem
from ops.embedded.logs.extending import Response

SEAMS = ("ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS",)
POLICY_TYPE = "SUBSCRIPTION_FILTER_POLICY"
_SELECTION = re.compile(r"LogGroupName\s+NOT\s+IN\s+(\[.*\])", re.DOTALL)

Record = dict[str, Any]

_policies = AccountRegionScopedDict()  # policy name → policy


def install(context: OverlayContext) -> None:
    extending.add_actions(
        {"PutAccountPolicy": _put, "DescribeAccountPolicies": _describe, "DeleteAccountPolicy": _delete}
    )
    extending.add_state("account_policies", lambda: _policies, _policies.update)
    provisioners._RESOURCE_HANDLERS["AWS::Logs::AccountPolicy"] = {
        "create": _create,
        "update": lambda _id, _old, new, stack: _create("", new, stack),
        "delete": lambda name, _properties: _policies.pop(name, None),
    }


def covering_policy(group: str) -> tuple[str, Record] | None:
    """Return the name and the subscription filter settings of the policy that covers the group."""
    for name, policy in _policies.items():
        if group not in _excluded(policy["selectionCriteria"]):
            document = json.loads(policy["policyDocument"])
            return name, {
                "destinationArn": document["DestinationArn"],
                "roleArn": document.get("RoleArn", ""),
                "filterPattern": document.get("FilterPattern", ""),
                "distribution": document.get("Distribution", ""),
            }
    return None


def _excluded(selection: str) -> frozenset[str]:
    match = _SELECTION.fullmatch(selection.strip())
    return frozenset(json.loads(match.group(1))) if match else frozenset()


def _find_problem(data: Record) -> tuple[str, str]:
    invalid = "InvalidParameterException"
    if data.get("policyType") != POLICY_TYPE:
        return invalid, f"The embedded cloud supports only account policies of type {POLICY_TYPE}."
    selection = data.get("selectionCriteria", "")
    if selection and not _SELECTION.fullmatch(selection.strip()):
        return invalid, 'selectionCriteria must have the form: LogGroupName NOT IN ["name", …]'
    name = data["policyName"]
    if any(other != name for other in _policies):
        return "LimitExceededException", f"Only one {POLICY_TYPE} is allowed per account and region."
    try:
        document = json.loads(data["policyDocument"])
        destination = document["DestinationArn"]
    except (ValueError, KeyError):
        return invalid, "policyDocument must be JSON with a DestinationArn."
    role, pattern = document.get("RoleArn", ""), document.get("FilterPattern", "")
    return subscription_problem(destination, role, pattern, "logs:PutSubscriptionFilter")


def _put(data: Record) -> Response:
    code, message = _find_problem(data)
    if code:
        error: Response = error_response_json(code, message, 400)
        return error
    policy = {
        "policyName": data["policyName"],
        "policyDocument": data["policyDocument"],
        "lastUpdatedTime": int(time.time() * 1000),
        "policyType": POLICY_TYPE,
        "scope": data.get("scope", "ALL"),
        "selectionCriteria": data.get("selectionCriteria", ""),
        "accountId": get_account_id(),
    }
    _policies[data["policyName"]] = policy
    response: Response = json_response({"accountPolicy": policy})
    return response


def _describe(data: Record) -> Response:
    requested = data.get("policyName")
    policies = [policy for name, policy in _policies.items() if requested in (None, name)]
    response: Response = json_response({"accountPolicies": policies})
    return response


def _delete(data: Record) -> Response:
    if _policies.pop(data.get("policyName"), None) is None:
        error: Response = error_response_json(
            "ResourceNotFoundException", "The specified account policy does not exist.", 400
        )
        return error
    response: Response = json_response({})
    return response


def _create(_logical_id: str, properties: Record, _stack: str) -> tuple[str, dict[str, str]]:
    request = {f"{name[0].lower()}{name[1:]}": value for name, value in properties.items()}
    status, _, body = _put(request)
    if status != 200:
        raise ValueError(json.loads(body)["message"])
    return properties["PolicyName"], {"AccountId": get_account_id()}
