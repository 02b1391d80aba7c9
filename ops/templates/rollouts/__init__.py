"""The stacks of rollouts. Pure: the machine's text in, templates out.

engine    the central account's: state machine, handler, table, bucket
target    a target account's: the role that the engine assumes, the role that CloudFormation acts in
fleet     the target's template for every account of an organization, as a service-managed StackSet
"""

from ops.templates.rollouts.controller import engine
from ops.templates.rollouts.fleet import fleet
from ops.templates.rollouts.target import EXECUTION_ROLE, TARGET_ROLE, target

__all__ = ["EXECUTION_ROLE", "TARGET_ROLE", "engine", "fleet", "target"]
