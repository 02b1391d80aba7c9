"""The migration of a pipeline from support stacks to the shared buckets: steps and progress. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.aws.codepipeline import Pipeline
from ops.errors import NotFound
from ops.support_stacks.fingerprints import is_named_like_replication
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, UsageVerdict
from ops.support_stacks.replication import SharedBucket, bucket_name

# CodePipeline stores artifacts under a folder with the pipeline's name, truncated to this length.
FOLDER_LENGTH = 20


@dataclass(frozen=True)
class GuideStep:
    """One step of a migration, with its command if it has one. `done` is what the inventory shows."""

    title: str
    text: str
    done: bool
    command: str = ""


@dataclass(frozen=True)
class Guide:
    """The steps of one pipeline's migration.

    `missing` are the regions of the pipeline without a shared bucket. `old` are the replication buckets that
    it uses, `left` those that still contain its artifacts although it no longer uses them.
    """

    pipeline: Pipeline
    missing: tuple[str, ...]
    old: tuple[UsageVerdict, ...]
    left: tuple[UsageVerdict, ...]
    steps: tuple[GuideStep, ...]

    @property
    def done(self) -> bool:
        return all(step.done for step in self.steps)


def candidates(graph: UsageGraph) -> list[Pipeline]:
    """Return the pipelines that use a support stack, left artifacts in one, or use shared buckets only."""
    pipelines = [
        pipeline
        for pipeline in graph.inventory.pipelines
        if _used(graph, pipeline) or _left(graph, pipeline) or _has_moved(pipeline)
    ]
    return sorted(pipelines, key=lambda pipeline: (pipeline.name, pipeline.arn))


def find_pipeline(graph: UsageGraph, name: str) -> Pipeline:
    """Return the pipeline with this name or ARN. Raises NotFound for none and for an ambiguous name."""
    pipelines = [pipeline for pipeline in graph.inventory.pipelines if name in (pipeline.name, pipeline.arn)]
    if not pipelines:
        raise NotFound(
            f"Pipeline {name} does not exist.",
            hint="Run `slipway support-stacks migration` to list the pipelines.",
        )
    if len(pipelines) > 1:
        raise NotFound(
            f"{len(pipelines)} pipelines are named {name}.", hint=f"Use an ARN: {pipelines[0].arn}"
        )
    return pipelines[0]


def guide(graph: UsageGraph, pipeline: Pipeline, shared: Sequence[SharedBucket]) -> Guide:
    """Return the migration steps of the pipeline. A step is done when the inventory shows its result."""
    ready = {item.region: item for item in shared if item.account == pipeline.account}
    missing = tuple(store.region for store in pipeline.stores if store.region not in ready)
    old, left = _used(graph, pipeline), _left(graph, pipeline)
    steps = (
        _set_up(graph, pipeline, missing),
        *_move(pipeline, moved=not missing and _has_moved(pipeline)),
        _wait(old, left),
        _clean_up(graph, old, left),
    )
    return Guide(pipeline, missing, old, left, steps)


def _replication_buckets(graph: UsageGraph) -> Iterable[UsageVerdict]:
    """Yield the replication buckets that a support stack contains or has retained."""
    for verdict in graph.verdicts:
        if verdict.kind is ResourceType.BUCKET and verdict.state is not UsageState.LEFT_ALONE:
            if verdict.stack or is_named_like_replication(verdict.id):
                yield verdict


def _used(graph: UsageGraph, pipeline: Pipeline) -> tuple[UsageVerdict, ...]:
    return tuple(verdict for verdict in _replication_buckets(graph) if pipeline in verdict.users)


def _left(graph: UsageGraph, pipeline: Pipeline) -> tuple[UsageVerdict, ...]:
    folder = pipeline.name[:FOLDER_LENGTH]
    written = {
        (bucket.account, bucket.name)
        for bucket in graph.inventory.buckets
        if bucket.contents and folder in bucket.contents.folders
    }
    return tuple(
        verdict
        for verdict in _replication_buckets(graph)
        if (verdict.account, verdict.id) in written and pipeline not in verdict.users
    )


def _has_moved(pipeline: Pipeline) -> bool:
    return all(store.bucket == bucket_name(pipeline.account, store.region) for store in pipeline.stores)


def _set_up(graph: UsageGraph, pipeline: Pipeline, missing: Sequence[str]) -> GuideStep:
    account = graph.inventory.accounts[pipeline.account]
    command = f"slipway support-stacks replication deploy --account {account} --regions"
    regions = ", ".join(store.region for store in pipeline.stores)
    return GuideStep(
        "Set up the shared buckets",
        f"No shared bucket in {account}: {', '.join(missing)}. Add --targets with the accounts that the "
        "pipeline deploys to."
        if missing
        else f"A shared bucket exists in {regions}.",
        not missing,
        f"{command} {' '.join(missing)}" if missing else "",
    )


def _move(pipeline: Pipeline, *, moved: bool) -> tuple[GuideStep, GuideStep]:
    return (
        GuideStep(
            "Pass the mapping to the pipeline",
            "In the code of the pipeline's stack, pass the mapping as crossRegionReplicationBuckets "
            "(cross_region_replication_buckets in Python). Include every region: for a missing one, CDK "
            "creates a support stack without a warning. The property cannot be combined with artifactBucket, "
            "nor with codePipeline on pipelines.CodePipeline. Run cdk synth, then lint the result.",
            moved,
            "" if moved else "slipway support-stacks lint cdk.out",
        ),
        GuideStep(
            "Deploy the pipeline",
            "Deploy the pipeline's stack manually, so that the running pipeline does not replace its own "
            f"bucket. Then refresh the inventory: every artifact store of {pipeline.name} must name a shared "
            "bucket.",
            moved,
            "" if moved else "cdk deploy",
        ),
    )


def _wait(old: Sequence[UsageVerdict], left: Sequence[UsageVerdict]) -> GuideStep:
    waiting = [verdict for verdict in left if verdict.state is not UsageState.ORPHANED]
    if old:
        users = sorted({user.name for verdict in old for user in verdict.users})
        text = (
            f"{_names(old)}: used by {', '.join(users)}. Migrate every pipeline that uses the same bucket. "
            "An unused bucket is orphaned after the minimum idle days."
        )
    elif waiting:
        text = "; ".join(f"{v.id} is {v.state}: {v.reasons[0]}" for v in waiting)
    else:
        text = f"Orphaned: {_names(left)}." if left else "No old bucket is left."
    return GuideStep("Wait until the old buckets are orphaned", text, not (old or waiting))


def _clean_up(graph: UsageGraph, old: Sequence[UsageVerdict], left: Sequence[UsageVerdict]) -> GuideStep:
    names = " ".join(dict.fromkeys(_owner(graph, verdict) for verdict in (*old, *left)))
    text = "The plan shows what it would delete and why. Nothing is deleted before you confirm it."
    return GuideStep(
        "Clean up the old buckets",
        text if names else "No old bucket contains artifacts of this pipeline.",
        not names,
        f"slipway support-stacks plan {names}" if names else "",
    )


def _owner(graph: UsageGraph, verdict: UsageVerdict) -> str:
    """Return the name to plan the bucket's deletion by: its stack's, or its own without a stack."""
    return next((s.name for s in graph.inventory.stacks if s.id == verdict.stack), verdict.id)


def _names(verdicts: Sequence[UsageVerdict]) -> str:
    return ", ".join(verdict.id for verdict in verdicts)
