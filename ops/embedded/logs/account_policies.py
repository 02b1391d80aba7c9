"""Account-level subscription policies: PutAccountPolicy, DescribeAccountPolicies, DeleteAccountPolicy.

One SUBSCRIPTION_FILTER_POLICY an account and region; its only selection is `LogGroupName NOT IN [...]`.
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
from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import provisioners

from ops.embedded.context import Context
from ops.embedded.logs.destinations import problem_of

SEAMS = (
    "ministack.services.cloudwatch_logs.handle_request",
    "ministack.services.cloudwatch_logs.get_state",
    "ministack.services.cloudwatch_logs.load_persisted_state",
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS",
)
KIND = "SUBSCRIPTION_FILTER_POLICY"
_SELECTION = re.compile(r"LogGroupName\s+NOT\s+IN\s+(\[.*\])", re.DOTALL)

Answer = tuple[int, dict[str, str], bytes]
Record = dict[str, Any]

_policies = AccountRegionScopedDict()  # policy name → policy


def install(context: Context) -> None:
    handle = cloudwatch_logs.handle_request
    actions = {"PutAccountPolicy": _put, "DescribeAccountPolicies": _describe, "DeleteAccountPolicy": _delete}

    async def with_policies(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        action = actions.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if action:
            return action(json.loads(body))
        return await handle(method, path, headers, body, query)

    cloudwatch_logs.handle_request = with_policies
    state, load = cloudwatch_logs.get_state, cloudwatch_logs.load_persisted_state
    cloudwatch_logs.get_state = lambda: {**state(), "account_policies": _policies}

    def load_all(data: Record) -> None:
        load(data)
        _policies.update(data.get("account_policies", {}))

    cloudwatch_logs.load_persisted_state = load_all
    provisioners._RESOURCE_HANDLERS["AWS::Logs::AccountPolicy"] = {
        "create": _create,
        "update": lambda _id, _old, new, stack: _create("", new, stack),
        "delete": lambda name, _properties: _policies.pop(name, None),
    }


def subscription(group: str) -> tuple[str, Record] | None:
    """Name and settings, in a subscription filter's form, of the policy that covers the group."""
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
    found = _SELECTION.fullmatch(selection.strip())
    return frozenset(json.loads(found.group(1))) if found else frozenset()


def _problem(data: Record) -> tuple[str, str]:
    invalid = "InvalidParameterException"
    if data.get("policyType") != KIND:
        return invalid, f"The embedded cloud knows account policies of type {KIND} only."
    selection = data.get("selectionCriteria", "")
    if selection and not _SELECTION.fullmatch(selection.strip()):
        return invalid, 'selectionCriteria must have the form: LogGroupName NOT IN ["name", …]'
    name = data["policyName"]
    if any(other != name for other in _policies):
        return "LimitExceededException", f"Only one {KIND} is allowed per account and region."
    try:
        document = json.loads(data["policyDocument"])
        destination = document["DestinationArn"]
    except (ValueError, KeyError):
        return invalid, "policyDocument must be JSON with a DestinationArn."
    role, pattern = document.get("RoleArn", ""), document.get("FilterPattern", "")
    return problem_of(destination, role, pattern, "logs:PutSubscriptionFilter")


def _put(data: Record) -> Answer:
    code, message = _problem(data)
    if code:
        refused: Answer = error_response_json(code, message, 400)
        return refused
    policy = {
        "policyName": data["policyName"],
        "policyDocument": data["policyDocument"],
        "lastUpdatedTime": int(time.time() * 1000),
        "policyType": KIND,
        "scope": data.get("scope", "ALL"),
        "selectionCriteria": data.get("selectionCriteria", ""),
        "accountId": get_account_id(),
    }
    _policies[data["policyName"]] = policy
    made: Answer = json_response({"accountPolicy": policy})
    return made


def _describe(data: Record) -> Answer:
    wanted = data.get("policyName")
    found = [each for name, each in _policies.items() if wanted in (None, name)]
    shown: Answer = json_response({"accountPolicies": found})
    return shown


def _delete(data: Record) -> Answer:
    if _policies.pop(data.get("policyName"), None) is None:
        refused: Answer = error_response_json(
            "ResourceNotFoundException", "The specified account policy does not exist.", 400
        )
        return refused
    done: Answer = json_response({})
    return done


def _create(_logical_id: str, properties: Record, _stack: str) -> tuple[str, dict[str, str]]:
    request = {f"{name[0].lower()}{name[1:]}": value for name, value in properties.items()}
    status, _, body = _put(request)
    if status != 200:
        raise ValueError(json.loads(body)["message"])
    return properties["PolicyName"], {"AccountId": get_account_id()}
