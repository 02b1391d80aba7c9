"""Parameters of the export's stacks: validated, then merged with the current values. Pure."""

import re
from collections.abc import Iterable, Mapping

from ops.errors import InputError
from ops.templates.logs import CENTRAL, MEMBER
from ops.templates.parameters import StackParameter

CENTRAL_PARAMETERS = {parameter.name: parameter for parameter in CENTRAL}
# Parameters of the central stack that a destination in another region needs as well.
SHARED = {"AllowedAccounts", "OrganizationId", "KeyArn", "DestinationName"}
# Which log groups are exported: a new member stack takes these from the central stack.
SELECTION = {parameter.name for parameter in MEMBER} & set(CENTRAL_PARAMETERS) - SHARED
NO_ACCOUNTS = ("", "0")  # CloudWatch2S3 writes 0 for none


def check_parameters(requested: Mapping[str, str]) -> None:
    """Raise InputError for an unknown parameter, or a value that CloudFormation would reject."""
    for name, value in requested.items():
        if name not in CENTRAL_PARAMETERS:
            raise InputError(
                f"The export has no parameter {name!r}.",
                field=name,
                hint=f"It has: {', '.join(CENTRAL_PARAMETERS)}.",
            )
        if wrong := expected_value(CENTRAL_PARAMETERS[name], value):
            raise InputError(
                f"{name} is {value!r}, not {wrong}.", field=name, hint=CENTRAL_PARAMETERS[name].help
            )


def expected_value(parameter: StackParameter, value: str) -> str:
    """Describe the allowed values; empty if the value is one of them."""
    checks = dict(parameter.checks)
    if (allowed := checks.get("AllowedValues")) and value not in allowed:
        return f"one of {', '.join(allowed)}"
    if parameter.type == "Number":
        least, most = checks["MinValue"], checks["MaxValue"]
        try:
            right = least <= float(value) <= most
        except ValueError:
            right = False
        return "" if right else f"a number from {least} to {most}"
    items = value.split(",") if parameter.type == "CommaDelimitedList" else [value]
    pattern = checks.get("AllowedPattern")
    if pattern and not all(re.fullmatch(pattern, item) for item in items):
        return str(checks["ConstraintDescription"])
    return ""


def central_parameters(
    current: Mapping[str, str], requested: Mapping[str, str], senders: Iterable[str]
) -> dict[str, str]:
    """Return all parameters of the central stack; `senders` are accounts that send their logs to it.

    Parameters that are not requested keep their values. Accounts are added to AllowedAccounts, never removed.
    """
    values = {
        name: requested.get(name, current.get(name, parameter.default or ""))
        for name, parameter in CENTRAL_PARAMETERS.items()
    }
    if current and values["DestinationName"] != current.get("DestinationName", values["DestinationName"]):
        raise InputError(
            "Cannot change the name of the destination: log groups are subscribed to it.",
            field="DestinationName",
            hint="Remove the export (its data is kept), then deploy it with the new name.",
        )
    if not values["OrganizationId"]:
        allowed = {account.strip() for account in values["AllowedAccounts"].split(",")}
        values["AllowedAccounts"] = ",".join(sorted({*allowed, *senders}.difference(NO_ACCOUNTS)))
    return values


def member_parameters(
    current: Mapping[str, str],
    requested: Mapping[str, str],
    central: Mapping[str, str],
    target: Mapping[str, str],
) -> dict[str, str]:
    """Return all parameters of a member stack. `target` is the destination or stream that it sends to."""
    values = {}
    for name in (parameter.name for parameter in MEMBER):
        if name in SELECTION:
            values[name] = requested.get(name, current.get(name, central[name]))
        elif name in SHARED:
            values[name] = central[name]
        else:
            values[name] = target.get(name, "")
    return values
