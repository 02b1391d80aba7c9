"""Every command of the command line, its summary, and the module that runs it."""

import click

from ops import __version__
from ops.cli.verbs import Lazy, Verbs

NAME = "slipway"
SHELLS = ("bash", "zsh", "fish")

EMBEDDED, SNAPSHOTS, SETUP = "ops.cli.embedded", "ops.cli.snapshots.pipelines", "ops.cli.setup.own"
REPORTS = "ops.cli.snapshots.report"
EXPLORE, DEPLOYMENT = "ops.cli.logs.explore", "ops.cli.logs.deployment"
COVERAGE, LEDGER = "ops.cli.logs.coverage", "ops.cli.logs.ledger"
ALERTS = "ops.cli.logs.alerts"

CONTROLLER, DRAFT = "ops.cli.rollouts.setup", "ops.cli.rollouts.own"
FILES, RUNNING = "ops.cli.rollouts.files", "ops.cli.rollouts.running"
SUPPORT_STACKS, REPLICATION = "ops.cli.support_stacks", "ops.cli.replication"

embedded = Verbs(
    "Start, stop, or reset the embedded cloud.",
    {
        "start": Lazy(EMBEDDED, "Start the embedded cloud if it is not running."),
        "stop": Lazy(EMBEDDED, "Stop the embedded cloud and keep its state."),
        "status": Lazy(EMBEDDED, "Show whether the embedded cloud is running, and its endpoint."),
        "reset": Lazy(EMBEDDED, "Stop the embedded cloud and delete its state."),
    },
)

snapshots = Verbs(
    "Manage sanitized snapshots of production databases.",
    {
        "databases": Lazy(SNAPSHOTS, "List the databases of an account and Region.", reads=True),
        "pipelines": Lazy(SNAPSHOTS, "List the deployed pipelines.", reads=True),
        "check": Lazy(SNAPSHOTS, "Run the preflight checks of a pipeline.", reads=True),
        "list": Lazy(SNAPSHOTS, "List the sanitized snapshots of a database.", "list_snapshots", reads=True),
        "runs": Lazy(SNAPSHOTS, "List the runs of a pipeline.", "list_runs", reads=True),
        "refresh": Lazy(SNAPSHOTS, "Start a run: copy, sanitize, verify, and share a snapshot."),
        "show": Lazy(SNAPSHOTS, "Show the state of every step of a run.", reads=True),
        "log": Lazy(REPORTS, "Print the task logs of a run.", reads=True),
        "report": Lazy(REPORTS, "Print the verification report of a run, failed checks first.", reads=True),
        "suggest": Lazy(
            REPORTS,
            "Print the policy with treatments for the unlisted columns of a run.",
            "suggest_policy",
            reads=True,
            withheld=("columns",),
        ),
        "stop": Lazy(SNAPSHOTS, "Stop a run and delete its temporary resources."),
        "clean-up": Lazy(SNAPSHOTS, "Delete leftover resources of a finished run."),
        "restore": Lazy("ops.cli.snapshots.restore", "Restore the newest sanitized snapshot in an account."),
        "deploy": Lazy(SNAPSHOTS, "Set up or change a pipeline.", "deploy_pipeline"),
        "delete": Lazy(SNAPSHOTS, "Delete a pipeline; its snapshots are kept."),
        "template": Lazy(SNAPSHOTS, "Print the CloudFormation template."),
    },
)

alerts = Verbs(
    "Create and manage alerts on exported logs.",
    {
        "list": Lazy(ALERTS, "List the alerts with their last judged window.", "list_alerts", reads=True),
        "add": Lazy(ALERTS, "Create an alert: a search, a window, and a threshold."),
        "test": Lazy(ALERTS, "Judge the last complete window now, without a notice."),
        "pause": Lazy(ALERTS, "Pause an alert: its windows are not judged."),
        "resume": Lazy(ALERTS, "Resume an alert with the last complete window."),
        "delete": Lazy(ALERTS, "Delete an alert."),
    },
)

logs = Verbs(
    "Export and search CloudWatch logs.",
    {
        "search": Lazy(EXPLORE, "Search events, newest first.", reads=True),
        "sql": Lazy(EXPLORE, "Run a saved query, a SQL file, or a SELECT over events.", reads=True),
        "patterns": Lazy(
            EXPLORE, "Show message patterns, and which are new or rising.", aliases=("templates",), reads=True
        ),
        "alerts": alerts,
        "compact": Lazy(EXPLORE, "Compact complete hours into Parquet; sources are kept."),
        "datasets": Lazy("ops.cli.logs.datasets", "List the datasets in S3 that can be searched."),
        "create-tables": Lazy("ops.cli.logs.datasets", "Create the Athena tables of datasets."),
        "validate-trail": Lazy(
            "ops.cli.logs.datasets", "Verify CloudTrail log files with the signed digests of CloudTrail."
        ),
        "explain-lines": Lazy(
            "ops.cli.logs.lines", "Explain the level, time, fields, and pattern of each line of the input."
        ),
        "estimate": Lazy(
            EXPLORE, "Estimate the data, time, and cost of a query.", "show_estimate", reads=True
        ),
        "deploy": Lazy(
            DEPLOYMENT, "Deploy or update the export in many accounts and Regions.", "deploy_export"
        ),
        "remove": Lazy(DEPLOYMENT, "Unsubscribe log groups and remove the export; the data is kept."),
        "export-template": Lazy(DEPLOYMENT, "Print a CloudFormation template of the export.", "template"),
        "coverage": Lazy(COVERAGE, "Show whether each log group is exported, and why not.", reads=True),
        "subscribe": Lazy(COVERAGE, "Subscribe log groups to the export."),
        "unsubscribe": Lazy(COVERAGE, "Stop exporting log groups."),
        "ledger": Lazy(
            LEDGER, "Compare ingested with exported events, and count what is missing.", reads=True
        ),
        "replay": Lazy(LEDGER, "Put failed records into the stream again.", "replay_errors"),
        "backfill": Lazy(LEDGER, "Export events from before the subscription."),
        "retention": Lazy(
            LEDGER,
            "Show what logs that never expire cost; set a retention.",
            reads=True,
            withheld=("set", "dry_run", "confirm"),
        ),
    },
)

rollouts = Verbs(
    "Deploy a stack to many accounts and Regions in waves.",
    {
        "deploy": Lazy(CONTROLLER, "Deploy the controller, and its roles.", "deploy_controller"),
        "template": Lazy(CONTROLLER, "Print a CloudFormation template."),
        "draft": Lazy(DRAFT, "Write a rollout file for one of Slipway's own stacks, or any."),
        "validate": Lazy(FILES, "Validate a rollout file, and report mistakes with their lines.", reads=True),
        "plan": Lazy(FILES, "Show the stages, their expected times, and the changes in every target."),
        "simulate": Lazy(FILES, "Simulate the rollout, with faults.", "simulate_file", reads=True),
        "start": Lazy(RUNNING, "Preview every target, then start the rollout."),
        "list": Lazy(RUNNING, "List the runs, newest first.", "list_rollouts", reads=True),
        "status": Lazy(RUNNING, "Show the state of a run and of every target.", reads=True),
        "log": Lazy(RUNNING, "Print the decision log of a run.", reads=True),
        "follow": Lazy(RUNNING, "Follow the decision log of a run to its end."),
        "pause": Lazy(RUNNING, "Pause a run: no more targets are started; bakes continue."),
        "resume": Lazy(RUNNING, "Resume a paused run."),
        "roll-back": Lazy(
            RUNNING, "Stop a run and roll back its changes; retry targets that need attention."
        ),
        "skip-bake": Lazy(RUNNING, "End the current bake; alarms still count."),
        "approve": Lazy(RUNNING, "Approve the stage that a run waits to start."),
        "override": Lazy(RUNNING, "Emergency: ignore blockers for the rest of a run."),
        "freeze": Lazy(RUNNING, "Freeze all rollouts: no more targets are started."),
        "unfreeze": Lazy(RUNNING, "End the freeze."),
    },
)

replication = Verbs(
    "Deploy and show the shared replication buckets and keys.",
    {
        "deploy": Lazy(REPLICATION, "Deploy or update shared buckets and keys.", "deploy_shared"),
        "show": Lazy(REPLICATION, "List the shared buckets and keys.", reads=True),
        "code": Lazy(REPLICATION, "Print the mapping as CDK code.", reads=True),
        "template": Lazy(REPLICATION, "Print the CloudFormation template."),
    },
)

support_stacks = Verbs(
    "Find, clean up, and avoid support stacks of CDK Pipelines.",
    {
        "inventory": Lazy(SUPPORT_STACKS, "List every stack, bucket, and key with its state.", reads=True),
        "plan": Lazy(SUPPORT_STACKS, "Show what a cleanup would delete, and why.", reads=True),
        "clean-up": Lazy(SUPPORT_STACKS, "Delete orphaned resources, each checked again just before."),
        "lint": Lazy(SUPPORT_STACKS, "List the support stacks that an app would create.", "lint_app"),
        "replication": replication,
        "migration": Lazy(SUPPORT_STACKS, "Show how to move a pipeline to the shared buckets.", reads=True),
    },
)

setup = Verbs(
    "Deploy Slipway's IAM roles, and the pages on Fargate.",
    {
        "deploy": Lazy(SETUP, "Show the changes, then deploy the stack.", "deploy_own"),
        "template": Lazy(SETUP, "Print the CloudFormation template."),
        "organization": Lazy(
            "ops.cli.setup.organization",
            "Deploy the roles in every account of an organization, and configure them.",
        ),
    },
)

root = Verbs(
    "Slipway: a workbench for engineers who run systems on AWS.",
    {
        "run": Lazy("ops.cli.run", "Start the web interface."),
        "status": Lazy("ops.cli.status", "Show what needs attention in all jobs.", reads=True),
        "embedded": embedded,
        "snapshots": snapshots,
        "logs": logs,
        "rollouts": rollouts,
        "support-stacks": support_stacks,
        "operations": Lazy(
            "ops.cli.operations",
            "List all operations and the roles that can run them.",
            reads=True,
            withheld=("as_markdown",),
        ),
        "setup": setup,
        "adopt": Lazy("ops.cli.adopt", "Replace a stack of CloudWatch2S3 or RDS-sanitized-snapshots."),
        "doctor": Lazy(
            "ops.cli.doctor",
            "Check what would work in the configured accounts.",
            reads=True,
            withheld=("change_sets", "record"),
        ),
        "prove": Lazy("ops.cli.prove", "Deploy and run everything in a sandbox account, then delete it."),
        "mcp": Lazy("ops.cli.mcp", "Serve the reading verbs to an assistant, over MCP on stdin and stdout."),
        "completion": Lazy("ops.cli.completion", "Print the completion script of a shell."),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")(root)
