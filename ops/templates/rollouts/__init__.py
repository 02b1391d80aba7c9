"""The CloudFormation templates of rollouts. Pure.

controller    for the central account: state machine, Lambda function, table, and bucket
target        for a target account: the role that the controller assumes, and CloudFormation's service role
organization  a service-managed StackSet that deploys the target template to every account of an organization
"""

from ops.templates.rollouts.controller import controller
from ops.templates.rollouts.organization import organization
from ops.templates.rollouts.target import EXECUTION_ROLE, TARGET_ROLE, target

__all__ = ["EXECUTION_ROLE", "TARGET_ROLE", "controller", "organization", "target"]
