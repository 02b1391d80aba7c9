"""The cells of the snapshot matrix: the scenarios, and the faults that apply to a call.

error      the call is denied
throttled  the call and all its retries are throttled
timeout    every response is lost, although the call succeeds
stop       somebody stops the execution during the call
missing    what the call names does not exist, or vanishes
lost       one response is lost, although the call succeeds
stale      one read answers as if what was just created did not exist yet
page       a list begins with an empty page and a token
twice      the function is invoked twice, as by a retry whose first call was still running
blip       one call of the clean-up is denied
quota      the account has no more of these
skew       one call is refused, because the clock of the caller is wrong
half       the task is killed after half of its work
memory     the task is killed because it is out of memory
full       the disk is full during the task
short      the task is killed before the end of its report, and counts as successful
"""

from dataclasses import dataclass

LAMBDA, ECS = "lambda:Invoke", "ecs:RunTask"
OF_EVERY_CALL = ("error", "throttled", "timeout", "stop", "missing")
OF_TASKS = {
    "half": "Task failed: exit code 137 (SIGKILL)",
    "memory": "OutOfMemoryError: Container killed due to memory usage",
    "full": "could not extend file: No space left on device",
}
FAULTS = (*OF_EVERY_CALL, "lost", "stale", "page", "twice", "blip", "quota", "skew", *OF_TASKS, "short")
# After one of these, the run has to succeed.
PASSING = ("lost", "stale", "page", "twice", "blip")
FAULTY = "run-2"
CREATES = ("Create", "Copy", "Restore")
PAGED = (
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBClusterSnapshots",
    "logs:GetLogEvents",
    "s3:ListObjectsV2",
)


@dataclass(frozen=True)
class Scenario:
    """A pipeline, and the event before the fault: none, a failed task, or a stop."""

    name: str
    kind: str
    key: bool = False
    latest: bool = False
    encrypted: bool = False
    before: str = ""
    rebuild: bool = False

    @property
    def faulty(self) -> str:
        """The execution with the fault."""
        return f"clean-up-{FAULTY}" if self.before == "stop" else FAULTY


@dataclass(frozen=True)
class Cell:
    scenario: str
    state: str
    call: str
    fault: str


def faults_of(state: str, call: str) -> tuple[str, ...]:
    """Return the faults that apply to a call of a state."""
    operation = call.partition(":")[2]
    if call == LAMBDA:
        return (*OF_EVERY_CALL, "twice")
    if call == ECS:
        return (*OF_EVERY_CALL, *OF_TASKS, "short")
    if state.startswith("Clean up") and operation.startswith("DescribeDB"):
        # That all its resources vanish from every list is not noticed: the next sweep finds what is left.
        return (*(each for each in faults_of("", call) if each != "missing"), "blip")
    more = ["lost", "skew"]
    more += ["stale"] if operation.startswith(("DescribeDB", "GetLogEvents")) else []
    more += ["page"] if call in PAGED else []
    more += ["blip"] if state.startswith("Clean up") else []
    more += ["quota"] if operation.startswith(CREATES) else []
    return (*OF_EVERY_CALL, *more)
