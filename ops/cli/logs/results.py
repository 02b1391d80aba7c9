"""Code shared by commands that execute a plan: with `--json`, they print the result of each step."""

from ops.cli.context import Context, result_rows
from ops.plan import Plan


def carry_out(context: Context, plan: Plan, *, dry_run: bool, confirmed: str = "") -> None:
    """Show the plan and execute it. Raises the first failed step's error."""
    outcome = context.carry_out(plan, dry_run=dry_run, confirmed=confirmed)
    if outcome and context.as_json:
        context.print_json({"results": result_rows(outcome)})


def show_no_steps(context: Context, reason: str) -> None:
    """Print why there is nothing to do; as JSON, an empty list of results."""
    context.show([], empty=reason, value={"results": []})
