"""Templates of Slipway's own stacks: its IAM roles in every account, and its pages on Fargate.

grants   the IAM permissions that each job needs: used by the roles and by the page Settings
roles    the IAM roles of one account: a working role, a read-only role, and their two boundaries
fargate  the pages on Fargate, behind a load balancer
"""

from ops.templates.access.fargate import fargate
from ops.templates.access.grants import JOBS, Grant, Job
from ops.templates.access.roles import READ_ROLE, ROLE, STACK_BOUNDARY, roles

__all__ = ["JOBS", "READ_ROLE", "ROLE", "STACK_BOUNDARY", "Grant", "Job", "fargate", "roles"]
