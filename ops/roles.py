"""Roles of Slipway's users. Each role includes the permissions of the lower ones."""

from enum import StrEnum


class Role(StrEnum):
    """Viewers have read-only access, operators run operations, administrators set up and delete."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def includes(self, required: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(required)
