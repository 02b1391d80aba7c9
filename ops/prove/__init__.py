"""`slipway prove`: deploys the four jobs in a sandbox account, runs them, and deletes everything again.

The proof is a plan like any other. Its steps carry out the plans of the jobs and then look at the effects. A
file records what each step found, and every resource before it is created, so that a proof can be resumed,
and cleaned up after a crash.

jobs           all steps; proof: their plan
sandbox        the accounts and Regions, and what must not be in them
session        what a step works with: plans, waiting, the ceilings of time and cost
state          the file
costs          the price of what a proof creates
source         the stack that fills the small database
snapshots, logs, support_stacks, rollouts    the steps of each job
resources      whether a recorded resource exists, and its deletion
clean_up       the plan that deletes everything, and what is left afterward
report         the report, as JSON and as Markdown
"""
