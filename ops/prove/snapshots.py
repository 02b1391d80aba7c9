"""Sanitized snapshots: a small database with a personal column, one run, and the snapshot that it made."""

from functools import partial

from ops.aws import ecs, network
from ops.aws.ecs import TaskEnd, TaskNetwork
from ops.aws.rds import changes as rds
from ops.aws.rds.changes import DatabaseState, RestoreSettings
from ops.aws.rds.databases import INSTANCE
from ops.errors import Conflict, ExecutionFailed, InputError
from ops.plan import ReportProgress
from ops.prove.costs import DATABASE, INSTANCE_CLASS, RUN
from ops.prove.proof import Job, ProofStep
from ops.prove.session import ProofSession
from ops.prove.source import COMMAND, CONTAINER, ENGINE, source_spec
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import DATABASES, SNAPSHOTS, DeployedPipeline
from ops.snapshots.pipeline.model import PipelineSettings
from ops.snapshots.pipeline.setup import prepare_pipeline
from ops.snapshots.runs import control as runs

ROWS = 50
NAME = "app"
SQL = f"""
DROP TABLE IF EXISTS people;
CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL);
INSERT INTO people SELECT n, 'person' || n || '@prove.test' FROM generate_series(1, {ROWS}) n;
SELECT count(*) FROM people WHERE email LIKE '%@prove.test';
"""
POLICY = """[tables.people]
id = "keep"
email = "fake email"
"""


def snapshots() -> Job:
    return Job(
        "Sanitized snapshots",
        (
            ProofStep("snapshots: task", "Deploy a task that fills a database", 3, _deploy_task),
            ProofStep("snapshots: database", "Create a small database", 8, _create_database),
            ProofStep("snapshots: rows", f"Write {ROWS} people with email addresses to it", 2, _fill),
            ProofStep("snapshots: pipeline", "Deploy the pipeline of the database", 4, _deploy_pipeline),
            ProofStep("snapshots: run", "Refresh the sanitized snapshot", 35, _refresh),
            ProofStep("snapshots: effects", "Check that the snapshot is clean, and alone", 1, _check),
        ),
    )


def _source(session: ProofSession) -> str:
    return f"{session.state.name}-source"


def _subnets(session: ProofSession) -> tuple[network.Subnet, network.Subnet]:
    """Return two subnets of one VPC, those with a public IP address at launch first."""
    subnets = network.list_subnets(session.cloud, session.home)
    for vpc in dict.fromkeys(s.vpc for s in sorted(subnets, key=lambda s: not s.public)):
        chosen = sorted((s for s in subnets if s.vpc == vpc), key=lambda s: not s.public)
        zones = {subnet.zone: subnet for subnet in reversed(chosen)}
        if len(zones) >= 2:
            first, second, *_ = zones.values()
            return first, second
    raise InputError(
        f"{session.home.account.name} has no VPC with two subnets in {session.home.region}.",
        hint="Create the default VPC: aws ec2 create-default-vpc",
    )


def _deploy_task(session: ProofSession, say: ReportProgress) -> str:
    first, _ = _subnets(session)
    stack = session.deploy(source_spec(_source(session), session.home, first.vpc), (), say)
    return f"{stack.name} is {stack.status}"


def _create_database(session: ProofSession, say: ReportProgress) -> str:
    cloud, home, name = session.cloud, session.home, session.state.name
    outputs = session.stack(_source(session), home).outputs
    session.own(DATABASES[INSTANCE], name, home, DATABASE)
    settings = RestoreSettings(
        security_groups=(outputs["DatabaseSecurityGroup"],),
        instance_class=INSTANCE_CLASS,
        tags={"slipway:job": "prove"},
    )
    create = partial(
        rds.create_instance, cloud, home, name, engine=ENGINE, database=NAME, secret=outputs["Password"]
    )
    create = partial(create, settings=settings)
    session.perform(session.call("Create the database", DATABASES[INSTANCE], name, create))

    def available() -> DatabaseState | None:
        state = rds.find_database(cloud, home, INSTANCE, name)
        if state and state.status in ("failed", "incompatible-parameters", "incompatible-network"):
            reason = rds.recent_events(cloud, home, INSTANCE, name)
            raise Conflict(f"The database {name} is {state.status}. {reason}")
        return state if state and state.settled else None

    state = session.wait(available, f"database {name}", say)
    return f"{name} is {state.status}"


def _fill(session: ProofSession, say: ReportProgress) -> str:
    cloud, home = session.cloud, session.home
    outputs = session.stack(_source(session), home).outputs
    database = rds.find_database(cloud, home, INSTANCE, session.state.name)
    if database is None:
        raise Conflict(f"The database {session.state.name} no longer exists.")
    subnets = tuple(subnet.id for subnet in _subnets(session))
    where = TaskNetwork(subnets, (outputs["TaskSecurityGroup"],), public_ip=True)
    environment = {
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGUSER": "master",
        "PGDATABASE": NAME,
        "SQL": SQL,
    }
    cluster, definition = outputs["Cluster"], outputs["TaskDefinition"]

    def start() -> str:
        return ecs.start_task(
            cloud, home, cluster, definition, where,
            container=CONTAINER, environment=environment, command=(COMMAND,),
        )  # fmt: skip

    task = session.perform(session.call("Fill the database", "AWS::ECS::TaskDefinition", definition, start))

    def ended() -> TaskEnd | None:
        return ecs.read_end(cloud, home, cluster, task)

    end = session.wait(ended, "task", say)
    if end.exit_code != 0:
        code = "no exit code" if end.exit_code is None else f"exit code {end.exit_code}"
        raise ExecutionFailed(
            f"The task ended with {code}.",
            hint=f"Read its log group: {outputs['LogGroup']}",
            detail=end.reason,
        )
    return f"{ROWS} rows with an address at prove.test"


def _deploy_pipeline(session: ProofSession, say: ReportProgress) -> str:
    first, second = _subnets(session)
    settings = PipelineSettings(
        database=session.state.name,
        policy=f'engine = "{ENGINE}"\n\n{POLICY}',
        vpc=first.vpc,
        subnets=(first.id, second.id),
        database_name=NAME,
        share_with=session.others,
        assign_public_ip=True,
        poll_seconds=session.poll_seconds,
    )
    prepared = prepare_pipeline(session.cloud, session.home, settings, session.clock())
    stack = session.deploy(prepared.spec, prepared.uploads, say, hourly=RUN)
    return f"{stack.name} is {stack.status}"


def deployed(session: ProofSession) -> DeployedPipeline:
    return catalog.find_pipeline(session.cloud, session.home, session.state.name)


def _refresh(session: ProofSession, say: ReportProgress) -> str:
    """Start the run, or follow the one that a resumed proof has started."""
    pipeline = deployed(session)
    earlier = [run for run in runs.list_runs(session.cloud, pipeline) if not runs.is_clean_up(run.name)]
    name = (
        earlier[0].name
        if earlier and earlier[0].status in ("RUNNING", "SUCCEEDED")
        else session.perform(runs.refresh_call(session.cloud, pipeline, session.clock()))
    )
    session.state.set_note("snapshot run", name)

    def ended() -> runs.RunDetails | None:
        run = runs.read_run(session.cloud, pipeline, name)
        return None if run.execution.status == "RUNNING" else run

    run = session.wait(ended, f"run {name}", say)
    if run.execution.status != "SUCCEEDED":
        failed = run.execution.failed_step
        raise ExecutionFailed(
            f"The run {name} is {run.execution.status}" + (f" at “{failed.name}”." if failed else "."),
            detail=runs.failure_reason(run.execution),
        )
    return f"{name} succeeded"


def _check(session: ProofSession, say: ReportProgress) -> str:
    """Look at the report, the snapshot, whom it is shared with, and what the run has left."""
    cloud, pipeline, name = session.cloud, deployed(session), session.state.note("snapshot run")
    made = [item for item in catalog.list_sanitized(cloud, pipeline) if item.run == name]
    if len(made) != 1:
        raise Conflict(f"The run {name} made {len(made)} sanitized snapshots, not one.")
    (sanitized,) = made
    session.own(SNAPSHOTS[INSTANCE], sanitized.snapshot.id, session.home)
    report = catalog.read_report(cloud, pipeline, sanitized)
    if report.failed:
        raise Conflict(f"Not clean: {report.failed[0].message}.")
    treated = [check for check in report.treated if check.column == "email"]
    if [check.rows for check in treated] != [ROWS]:
        raise Conflict(f"The report does not show {ROWS} treated rows of people.email.")
    if set(sanitized.shared_with) != set(session.others):
        raise Conflict(f"The snapshot is shared with {', '.join(sanitized.shared_with) or 'no account'}.")
    if left := [item.id for item in catalog.list_temporary(cloud, session.home) if item.run == name]:
        raise Conflict(f"The run has left {', '.join(left)}.")
    shared = ", ".join(sanitized.shared_with) or "no account"
    checks = f"{len(report.checks)} checks passed, {ROWS} rows treated"
    return f"{checks}; shared with {shared}; nothing temporary left"
