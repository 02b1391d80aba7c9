"""The faults of a log export: in the calls of the processor, in its process, and in the stream.

denied     the stream refuses the records that return to it, for good
throttled  the stream refuses them twice, all of them
partial    the stream refuses some of the records of a call
lost       the response of a call is lost, although it succeeds
skew       one call is refused, because the clock of the function is wrong
quota      the stream has reached its limit, for one call
killed     the processor is killed before it begins
half       the processor is killed after it has returned records to the stream
memory     the processor exceeds its memory
twice      the stream delivers every record twice, in reverse order
malformed  a record between the others cannot be parsed
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path

from ops.templates.functions import function_source

PROCESSOR = function_source("log_processor")
IN_CALLS = ("denied", "throttled", "partial", "lost", "skew", "quota")
IN_PROCESS = ("killed", "half", "memory")
IN_STREAM = ("twice", "malformed")
FAULTS = (*IN_CALLS, *IN_PROCESS, *IN_STREAM)

# Appended to the processor. A fault strikes the records of the log group that is named like it.
_FAULTY = """
    import gzip, os, resource, signal

    FOLDER = "{folder}"
    TIMES = {{"denied": 100, "throttled": 2}}
    CODES = {{
        "denied": "AccessDeniedException",
        "throttled": "ProvisionedThroughputExceededException",
        "skew": "RequestTimeTooSkewed",
        "quota": "LimitExceededException",
    }}
    real_client = client

    def fault_of(data):
        try:
            return json.loads(gzip.decompress(data))["logGroup"].rpartition("/")[2]
        except Exception:
            return ""

    def strikes(kind):
        path = os.path.join(FOLDER, kind)
        before = os.path.getsize(path) if os.path.exists(path) else 0
        if before >= TIMES.get(kind, 1):
            return False
        with open(path, "a") as file:
            file.write("x")
        return True

    class Refused(Exception):
        def __init__(self, code):
            super().__init__(code)
            self.response = {{"Error": {{"Code": code}}}}

    class Stream:
        def put_records(self, StreamName, Records):
            kinds = {{fault_of(record["Data"]) for record in Records}}
            for kind in sorted(kinds & set(CODES)):
                if strikes(kind):
                    raise Refused(CODES[kind])
            refused = set()
            if "partial" in kinds and strikes("partial"):
                mine = [n for n, record in enumerate(Records) if fault_of(record["Data"]) == "partial"]
                refused = set(mine[: max(1, len(mine) // 2)])
            kept = [record for n, record in enumerate(Records) if n not in refused]
            stream = real_client("kinesis")
            answers = stream.put_records(StreamName=StreamName, Records=kept)["Records"] if kept else []
            if "lost" in kinds and strikes("lost"):
                raise TimeoutError("read timeout")
            answers = iter(answers)
            error = {{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}}
            return {{"Records": [error if n in refused else next(answers) for n in range(len(Records))]}}

    def client(service):
        return Stream() if service == "kinesis" else real_client(service)

    def faulty(event, context):
        kinds = {{fault_of(a2b_base64(record["data"])) for record in event["records"]}}
        if "killed" in kinds and strikes("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if "memory" in kinds and strikes("memory"):
            resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))
            try:
                bytearray(1 << 30)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)  # as Lambda ends a process without memory
        answer = handler(event, context)
        if "half" in kinds and strikes("half"):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
"""


def faulty_processor(folder: Path) -> str:
    """Return the processor's source with the faults; the function's handler is `index.faulty`."""
    return PROCESSOR + textwrap.dedent(_FAULTY.format(folder=folder))


@dataclass(frozen=True)
class Mutant:
    """A mutation of the processor, and words of the monitor's report."""

    old: str
    new: str
    says: str

    @property
    def source(self) -> str:
        source = PROCESSOR
        assert source.count(self.old) == 1, self.old
        return source.replace(self.old, self.new)


MUTANTS = {
    "an event is dropped": Mutant(
        '    events: list[Record] = message["logEvents"]\n',
        '    events: list[Record] = message["logEvents"][1:]\n',
        "events are lost",
    ),
    "later hours are dropped": Mutant(
        "    rest = [data for group in later for data in _closed(message, group)]\n",
        "    rest: list[bytes] = []\n",
        "events are lost",
    ),
    "two events are merged": Mutant(
        "map(quote, map(texts_of, events))",
        "map(quote, [''.join(map(texts_of, events))] * len(events))",
        "was altered",
    ),
}
