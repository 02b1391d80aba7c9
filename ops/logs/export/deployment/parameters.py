"""What the stacks are given: wishes checked, what stands kept, the rest taken from the centre. Pure."""

import re
from collections.abc import Iterable, Mapping

from ops.errors import InputError
from ops.templates.logs import CENTRAL, MEMBER
from ops.templates.logs.parameters import Asked

ASKED = {asked.name: asked for asked in CENTRAL}
# The centre's, and what a destination in another region must say as well.
SHARED = {"AllowedAccounts", "OrganizationId", "KeyArn", "DestinationName"}
# What decides which groups are exported: a new place takes it over from the centre.
CHOOSES = {asked.name for asked in MEMBER} & set(ASKED) - SHARED
NO_ACCOUNTS = ("", "0")  # the known exporter says 0 for nobody


def check(given: Mapping[str, str]) -> None:
    """Raises InputError for a parameter that does not exist or a value that CloudFormation would refuse."""
    for name, value in given.items():
        if name not in ASKED:
            raise InputError(
                f"The export has no parameter {name!r}.", field=name, hint=f"It has: {', '.join(ASKED)}."
            )
        if wrong := problem(ASKED[name], value):
            raise InputError(f"{name} is {value!r}, not {wrong}.", field=name, hint=ASKED[name].help)


def problem(asked: Asked, value: str) -> str:
    """What the value should be; empty where it is right."""
    checks = dict(asked.checks)
    if (allowed := checks.get("AllowedValues")) and value not in allowed:
        return f"one of {', '.join(allowed)}"
    if asked.type == "Number":
        least, most = checks["MinValue"], checks["MaxValue"]
        try:
            right = least <= float(value) <= most
        except ValueError:
            right = False
        return "" if right else f"a number from {least} to {most}"
    items = value.split(",") if asked.type == "CommaDelimitedList" else [value]
    pattern = checks.get("AllowedPattern")
    if pattern and not all(re.fullmatch(pattern, item) for item in items):
        return str(checks["ConstraintDescription"])
    return ""


def of_central(
    standing: Mapping[str, str], given: Mapping[str, str], others: Iterable[str]
) -> dict[str, str]:
    """Every parameter of the central stack; the `others` are accounts that send their logs to it.

    What stands is kept unless it is given; an account that may send is never taken away by leaving it out.
    """
    found = {name: given.get(name, standing.get(name, asked.default or "")) for name, asked in ASKED.items()}
    if standing and found["DestinationName"] != standing.get("DestinationName", found["DestinationName"]):
        raise InputError(
            "The destination's name cannot change while log groups are subscribed to it.",
            field="DestinationName",
            hint="Remove the export, which keeps the data, and deploy it again with the new name.",
        )
    if not found["OrganizationId"]:
        allowed = {account.strip() for account in found["AllowedAccounts"].split(",")}
        found["AllowedAccounts"] = ",".join(sorted({*allowed, *others}.difference(NO_ACCOUNTS)))
    return found


def of_member(
    standing: Mapping[str, str],
    given: Mapping[str, str],
    central: Mapping[str, str],
    target: Mapping[str, str],
) -> dict[str, str]:
    """Those of a further place. `target` says where its logs go."""
    found = {}
    for name in (asked.name for asked in MEMBER):
        if name in CHOOSES:
            found[name] = given.get(name, standing.get(name, central[name]))
        elif name in SHARED:
            found[name] = central[name]
        else:
            found[name] = target.get(name, "")
    return found
