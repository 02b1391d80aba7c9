"""`slipway doctor`: asks AWS, in the user's accounts, what of Slipway would work.

Every check is free of charge. Only `change_sets`, which must be requested, creates something, and deletes it.

findings       what a check returns, and the exit status of all findings
checks         all checks, run in parallel
identity       the credentials of each account
regions        whether the configured regions are enabled
endpoints      whether AWS can be reached from this machine
permissions    what IAM's policy simulator says about Slipway's roles
own_templates  the templates of Slipway's own stacks
templates      what CloudFormation says about them
machines       what Step Functions says about their state machines
quotas         whether enough is left of the quotas
keys           the KMS keys of deployed stacks; key_policies: what a key policy allows
buckets        the bucket policies of the log export
change_sets    change sets that are deleted without being executed
"""

from ops.doctor.checks import CHECKS, examine
from ops.doctor.findings import Finding, Result, exit_status, merged, summary

__all__ = ["CHECKS", "Finding", "Result", "examine", "exit_status", "merged", "summary"]
