"""The approval of a stage, as the file declares it. Frozen data."""

from dataclasses import dataclass
from datetime import timedelta

ROLES = ("operator", "administrator")  # each includes the ones before it; the names of `ops.roles`


@dataclass(frozen=True)
class Approval:
    """Someone with at least `role` approves the stage within `expires`, or the rollout is rolled back."""

    role: str
    expires: timedelta
