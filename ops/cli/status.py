"""`slipway status`: what needs attention in all four jobs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from ops.cli.context import NOT_READ, Context
from ops.cli.verbs import verb
from ops.errors import SlipwayError
from ops.status.attention import attention
from ops.status.reading import read_status
from ops.support_stacks.inventory import read_inventory
from ops.support_stacks.liveness import assess_usage


@verb
def status(context: Context) -> int:
    """Print the notes, the most urgent first. Returns exit status 4 if not everything could be read."""
    now = datetime.now(UTC)
    with ThreadPoolExecutor(1) as pool:
        jobs = pool.submit(read_status, context.cloud, now)
        graph = error = None
        try:
            graph = assess_usage(read_inventory(context.cloud, now), now)
        except SlipwayError as failure:
            error = failure
        found = replace(jobs.result(), support=graph, support_error=error)
    notes = [
        {
            "urgency": note.urgency.name.lower(),
            "job": note.job.value if note.job else "All jobs",
            "what": note.text,
            "action": note.action,
        }
        for note in attention(found)
    ]
    nothing = "Nothing needs attention in what was read." if found.incomplete else "Nothing needs attention."
    value = {"at": found.at, "complete": not found.incomplete, "attention": notes}
    context.show(notes, empty=nothing, value=value)
    return NOT_READ if found.incomplete else 0
