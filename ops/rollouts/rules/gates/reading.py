"""Reads `approval` of a [[stage]], such as { role = "administrator", expires = "2d" }."""

from datetime import timedelta

from ops.rollouts.rules.gates.model import ROLES, Approval
from ops.text.toml_tables import TomlTable

EXPIRES = timedelta(days=7)  # as the manual approval of CodePipeline


def approval(table: TomlTable) -> Approval | None:
    """Return who has to approve the stage; None if nobody has to."""
    if "approval" not in table:
        return None
    own = table.table("approval")
    own.check_keys("role", "expires")
    role = own.choice("role", *ROLES)
    expires = own.duration("expires", EXPIRES)
    if not expires:
        raise own.mistake("expires", "is zero.", "Write how long people have to decide, such as 2d.")
    return Approval(role, expires)
