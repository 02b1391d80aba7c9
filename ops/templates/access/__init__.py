"""What Slipway itself needs of AWS: its roles in every account, and a place to run.

grants   what each job reads and changes: the one source of the roles and of the page Settings
roles    the stack of one account: a role that may work, one that may look, the boundary of both
fargate  the stack that runs the pages behind a load balancer
"""

from ops.templates.access.fargate import fargate
from ops.templates.access.grants import JOBS, Grant, Job
from ops.templates.access.roles import READ_ROLE, ROLE, roles

__all__ = ["JOBS", "READ_ROLE", "ROLE", "Grant", "Job", "fargate", "roles"]
