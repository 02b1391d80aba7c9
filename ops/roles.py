"""Who may do what: three roles, each with the rights of those before it."""

from enum import StrEnum


class Role(StrEnum):
    """A viewer reads, an operator runs what is set up, an administrator sets up, deletes and deploys."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def includes(self, needed: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)
