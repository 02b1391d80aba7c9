"""The parameters of a stack, with the groups and labels that the CloudFormation console shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from troposphere import Parameter, Template


@dataclass(frozen=True)
class StackParameter:
    """A stack parameter: its group and label in the console, and its constraints.

    A parameter whose default is None is required.
    """

    name: str
    group: str
    label: str
    help: str
    default: str | None = ""
    type: str = "String"
    checks: tuple[tuple[str, Any], ...] = ()


def pattern(regex: str, words: str) -> tuple[tuple[str, Any], ...]:
    """Return the constraint that a value matches the regular expression, which `words` explain."""
    return (("AllowedPattern", regex), ("ConstraintDescription", words))


def add_parameters(stack: Template, parameters: Iterable[StackParameter]) -> None:
    """Add the parameters with their groups and labels in the console."""
    for parameter in parameters:
        fields = {"Type": parameter.type, "Description": parameter.help, **dict(parameter.checks)}
        if parameter.default is not None:
            fields["Default"] = parameter.default
        stack.add_parameter(Parameter(parameter.name, **fields))
        stack.add_parameter_to_group(stack.parameters[parameter.name], parameter.group)
        stack.set_parameter_label(stack.parameters[parameter.name], parameter.label)
