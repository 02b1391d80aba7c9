"""Log export: events of one log group per place arrive in the bucket, are compacted, and are found."""

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from ops.aws.cloud import Place
from ops.aws.logs import groups, streams
from ops.aws.logs.streams import Line
from ops.errors import Conflict
from ops.logs.datasets import Dataset
from ops.logs.export.deployment.deployed import read_deployments
from ops.logs.export.deployment.plan import DeploymentRequest, plan_deploy
from ops.logs.export.installed import find_exports
from ops.logs.lake.layout import Scope
from ops.logs.search.language.accounts import parse_for
from ops.logs.search.model import Search
from ops.plan import ReportProgress
from ops.prove.costs import STREAM
from ops.prove.proof import Job, ProofStep
from ops.prove.session import ProofSession

if TYPE_CHECKING:  # what takes long to import is imported where it is used
    from ops.logs.engines.duckdb import DuckDbEngine

GROUP_KIND = "AWS::Logs::LogGroup"
STREAM_NAME = "stream"
EVENTS = 20  # per place and hour
EARLIER = timedelta(hours=4)  # only complete hours are compacted
APART = timedelta(milliseconds=10)
# Objects are written as soon as possible: the default takes minutes.
QUICKLY = {"BufferIntervalHint": "1", "ProcessorBufferIntervalHint": "0"}


def logs() -> Job:
    return Job(
        "Log export",
        (
            ProofStep("logs: groups", "Create a log group in every account and Region", 0, _create_groups),
            ProofStep("logs: export", "Deploy the log export", 6, _deploy),
            ProofStep("logs: subscriptions", "Check that the log groups are subscribed", 2, _subscribed),
            ProofStep("logs: events", f"Write {2 * EVENTS} events to each log group", 0, _write),
            ProofStep("logs: arrival", "Search the exported events", 5, _arrived),
            ProofStep("logs: compaction", "Compact the complete hours, and search again", 1, _compact),
        ),
    )


def _destination(session: ProofSession) -> str:
    return f"SlipwayProve{session.state.id}"


def _group(session: ProofSession) -> str:
    return f"/{session.state.name}/app"


def _create_groups(session: ProofSession, say: ReportProgress) -> str:
    for place in session.cloud.places:
        session.own(GROUP_KIND, _group(session), place)
        create = partial(groups.create_group, session.cloud, place, _group(session), STREAM_NAME)
        session.perform(session.call("Create the log group", GROUP_KIND, _group(session), create, place))
    return f"{_group(session)} in {len(session.cloud.places)} accounts and Regions"


def _deploy(session: ProofSession, say: ReportProgress) -> str:
    cloud, name = session.cloud, session.state.name
    stack_name = f"{name}-logs"
    for place in cloud.places:  # the central stack first: it is deleted last
        session.own_stack(stack_name, place, STREAM if place == session.home else 0.0)
    parameters = {"DestinationName": _destination(session), "IncludePatterns": f"/{name}/*", **QUICKLY}
    request = DeploymentRequest(session.home, cloud.places, parameters, stack_name)
    session.must(plan_deploy(cloud, read_deployments(cloud, cloud.places), request), say)
    return f"{stack_name} in {len(cloud.places)} accounts and Regions"


def _subscribed(session: ProofSession, say: ReportProgress) -> str:
    def unsubscribed(place: Place) -> bool:
        return not groups.list_subscription_filters(session.cloud, place, _group(session))

    def all_subscribed() -> bool | None:
        return None if any(map(unsubscribed, session.cloud.places)) else True

    session.wait(all_subscribed, "subscription filters", say)
    return f"a subscription filter in {len(session.cloud.places)} accounts and Regions"


def _write(session: ProofSession, say: ReportProgress) -> str:
    """Write half of the events now, and half with a time in a complete hour."""
    now = session.clock()
    for place in session.cloud.places:
        for begin in (now - EARLIER, now - EVENTS * APART):
            lines = [Line(begin + n * APART, f"{session.state.name} event {n}") for n in range(EVENTS)]
            put = partial(streams.put_lines, session.cloud, place, _group(session), STREAM_NAME, lines)
            session.perform(session.call("Write events", GROUP_KIND, _group(session), put, place))
    session.state.set_note("events since", (now - EARLIER).isoformat())
    return f"{_expected(session)} events"


def _expected(session: ProofSession) -> int:
    return 2 * EVENTS * len(session.cloud.places)


def _engine(session: ProofSession) -> "DuckDbEngine":
    central = [export for export in find_exports(session.cloud, session.home) if export.central]
    location = central[0].location if central else None
    if location is None:
        raise Conflict("The central stack of the export no longer exists.")
    return Dataset(session.cloud, location).duckdb


def _scope(session: ProofSession) -> Scope:
    since = datetime.fromisoformat(session.state.note("events since"))
    return Scope(since - timedelta(minutes=1), session.clock() + timedelta(minutes=1))


def _found(session: ProofSession) -> list[tuple[str, str, str]]:
    """Return account, Region, and message of each event that a search finds, sorted."""
    from ops.logs.search import exploration

    condition = parse_for(session.cloud.accounts, f'"{session.state.name}"')
    found = exploration.newest(_engine(session), Search(_scope(session), condition), 10 * _expected(session))
    return sorted((event.account, event.region, event.message) for event in found)


def _written(session: ProofSession) -> list[tuple[str, str, str]]:
    return sorted(
        (place.account.id, place.region, f"{session.state.name} event {number}")
        for place in session.cloud.places
        for number in 2 * tuple(range(EVENTS))
    )


def _arrived(session: ProofSession, say: ReportProgress) -> str:
    """At least once is CloudWatch's promise; events have IDs, so a search shows each once."""

    def arrived() -> list[tuple[str, str, str]] | None:
        found = _found(session)
        return found if len(found) >= _expected(session) else None

    found = session.wait(arrived, "exported events", say)
    if found != _written(session):
        raise Conflict(f"The search found {len(found)} events that are not those that were written.")
    return f"{len(found)} of {_expected(session)} events found, each once"


def _compact(session: ProofSession, say: ReportProgress) -> str:
    from ops.logs.compaction.local import plan_compaction

    engine, scope = _engine(session), _scope(session)
    session.must(plan_compaction(engine, scope, session.clock()), say)
    listing = _engine(session).list(scope, fresh=True)
    if not listing.parts:
        raise Conflict("The compaction made no part.")
    if _found(session) != _written(session):
        raise Conflict("After the compaction, a search does not find the same events.")
    return f"{len(listing.parts)} parts; the same {_expected(session)} events found"
