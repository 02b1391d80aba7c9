"""Values outside a stack that its template refers to: a rollback restores the references, not the values."""

import re
from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]

SSM_TYPE = "AWS::SSM::Parameter::Value<"
JOINED = "a dynamic reference that is joined from parts"
_SSM_LABEL = " (the SSM parameter "
_START = re.compile(r"\{\{resolve:(?:ssm|ssm-secure|secretsmanager):")
# The name can contain substitutions such as ${Stage}.
_REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):((?:\$\{[^}]*\}|[^{}])+)\}\}")
# CloudFormation User Guide, "Dynamic references": the last part of each is optional, and fixes the version.
_FIXED_PARAMETER = re.compile(r".+:\d+")
_FIXED_SECRET = re.compile(r".+:SecretString:[^:]*:[^:]*:[^:]+")


def outside_values(
    template: str, values: Mapping[str, str], declared: Mapping[str, Record]
) -> tuple[str, ...]:
    """Return the references without a fixed version, the SSM parameters, and the NoEcho parameters.

    `values` are those of the stack's parameters, `declared` the template's parameters as CloudFormation
    describes them.
    """
    names: list[str] = []
    for text in (template, *values.values()):
        found = list(_REFERENCE.finditer(text))
        names += [match[0] for match in found if not _is_fixed(match[1], match[2])]
        names += [JOINED] if len(_START.findall(text)) > len(found) else []
    for name, parameter in declared.items():
        if str(parameter.get("ParameterType", "")).startswith(SSM_TYPE):
            key = values.get(name) or parameter.get("DefaultValue", "")
            names.append(f"{name}{_SSM_LABEL}{key})")
        if parameter.get("NoEcho"):
            names.append(f"{name} (NoEcho)")
    return tuple(dict.fromkeys(names))


def reference(name: str) -> tuple[str, str] | None:
    """Return service and name of a dynamic reference; None if only CloudFormation knows its name."""
    match = _REFERENCE.fullmatch(name)
    if not match or "${" in match[2]:
        return None
    if match[1] != "secretsmanager":
        return "ssm", match[2]
    parts = match[2].split(":")
    # The ARN of a secret has seven parts: arn:aws:secretsmanager:region:account:secret:name
    return match[1], ":".join(parts[:7]) if parts[0] == "arn" else parts[0]


def ssm_parameter(name: str) -> str:
    """Return the stack's parameter of an SSM type that the name is for; empty for other values."""
    parameter, found, _ = name.partition(_SSM_LABEL)
    return parameter if found else ""


def _is_fixed(service: str, name: str) -> bool:
    fixed = _FIXED_SECRET if service == "secretsmanager" else _FIXED_PARAMETER
    return bool(fixed.fullmatch(name))
