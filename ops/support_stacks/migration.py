"""From support stacks to the shared buckets: a pipeline's steps, and which are done. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.aws.codepipeline import Pipeline
from ops.errors import NotFound
from ops.support_stacks.fingerprints import is_named_like_replication
from ops.support_stacks.liveness import Graph, Kind, State, Verdict
from ops.support_stacks.replication import Shared, bucket_name

# CodePipeline puts a pipeline's artifacts into a folder of its name, cut after so many characters.
FOLDER = 20


@dataclass(frozen=True)
class GuideStep:
    """What to do, with the command that does it where one does, and whether AWS shows that it is done."""

    title: str
    text: str
    done: bool
    command: str = ""


@dataclass(frozen=True)
class Guide:
    """`missing`: regions of the pipeline without a shared bucket. `old`: replication buckets that it uses,
    `left`: those that it has written to and does not use any more.
    """

    pipeline: Pipeline
    missing: tuple[str, ...]
    old: tuple[Verdict, ...]
    left: tuple[Verdict, ...]
    steps: tuple[GuideStep, ...]

    @property
    def done(self) -> bool:
        return all(step.done for step in self.steps)


def candidates(graph: Graph) -> list[Pipeline]:
    """Pipelines that keep artifacts in a support stack's bucket, have left some there, or have moved."""
    found = [
        pipeline
        for pipeline in graph.inventory.pipelines
        if _used(graph, pipeline) or _left(graph, pipeline) or _has_moved(pipeline)
    ]
    return sorted(found, key=lambda pipeline: (pipeline.name, pipeline.arn))


def find_pipeline(graph: Graph, name: str) -> Pipeline:
    """The pipeline of that name or ARN. Raises NotFound, also where several bear the name."""
    found = [pipeline for pipeline in graph.inventory.pipelines if name in (pipeline.name, pipeline.arn)]
    if not found:
        raise NotFound(
            f"There is no pipeline {name}.",
            hint="`python -m ops support-stacks migration` lists those that can be moved.",
        )
    if len(found) > 1:
        raise NotFound(f"There are {len(found)} pipelines {name}.", hint=f"Write one whole: {found[0].arn}")
    return found[0]


def guide(graph: Graph, pipeline: Pipeline, shared: Sequence[Shared]) -> Guide:
    """The way of this pipeline; a step is done when the inventory shows it."""
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


def _replication_buckets(graph: Graph) -> Iterable[Verdict]:
    """Those that a support stack holds, or has left behind."""
    for verdict in graph.verdicts:
        if verdict.kind is Kind.BUCKET and verdict.state is not State.LEFT_ALONE:
            if verdict.stack or is_named_like_replication(verdict.id):
                yield verdict


def _used(graph: Graph, pipeline: Pipeline) -> tuple[Verdict, ...]:
    return tuple(verdict for verdict in _replication_buckets(graph) if pipeline in verdict.users)


def _left(graph: Graph, pipeline: Pipeline) -> tuple[Verdict, ...]:
    folder = pipeline.name[:FOLDER]
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


def _set_up(graph: Graph, pipeline: Pipeline, missing: Sequence[str]) -> GuideStep:
    account = graph.inventory.accounts[pipeline.account]
    command = f"python -m ops support-stacks replication deploy --account {account} --regions"
    regions = ", ".join(store.region for store in pipeline.stores)
    return GuideStep(
        "Set up the shared buckets",
        f"There is none yet in {', '.join(missing)} of {account}. Name the accounts that it "
        "deploys to as well, with --targets."
        if missing
        else f"There is one in each of {regions}.",
        not missing,
        f"{command} {' '.join(missing)}" if missing else "",
    )


def _move(pipeline: Pipeline, *, moved: bool) -> tuple[GuideStep, GuideStep]:
    return (
        GuideStep(
            "Give the mapping to the pipeline",
            "In the code of the pipeline's stack, pass the mapping as crossRegionReplicationBuckets "
            "(cross_region_replication_buckets in Python), with every region in it: one that lacks makes "
            "a support stack again, silently. It cannot stand beside artifactBucket, nor on "
            "pipelines.CodePipeline beside codePipeline. After cdk synth, let "
            "the linter say that nothing is left.",
            moved,
            "" if moved else "python -m ops support-stacks lint cdk.out",
        ),
        GuideStep(
            "Deploy, and see that artifacts go there",
            "Deploy the pipeline's stack by hand, so that the pipeline need not replace its "
            f"own bucket while it runs. Then read the inventory again: every store of {pipeline.name} names "
            "a shared bucket.",
            moved,
            "" if moved else "cdk deploy",
        ),
    )


def _wait(old: Sequence[Verdict], left: Sequence[Verdict]) -> GuideStep:
    waiting = [verdict for verdict in left if verdict.state is not State.ORPHANED]
    if old:
        others = sorted({user.name for verdict in old for user in verdict.users})
        text = f"In use now by {', '.join(others)}: {_names(old)}. "
        text += "Whoever else uses the same bucket is moved as well. "
        text += "After the days that count as quiet, what nobody uses is orphaned."
    elif waiting:
        text = "; ".join(f"{v.id} is {v.state}: {v.reasons[0]}" for v in waiting)
    else:
        text = f"Nobody needs what it has left: {_names(left)}." if left else "Nothing of it is left."
    return GuideStep("Wait until the old ones are quiet", text, not (old or waiting))


def _clean_up(graph: Graph, old: Sequence[Verdict], left: Sequence[Verdict]) -> GuideStep:
    names = " ".join(dict.fromkeys(_owner(graph, verdict) for verdict in (*old, *left)))
    text = "The plan shows what would be deleted, and why; nothing is deleted before it is confirmed."
    return GuideStep(
        "Clean up",
        text if names else "No old bucket holds anything of this pipeline.",
        not names,
        f"python -m ops support-stacks plan {names}" if names else "",
    )


def _owner(graph: Graph, verdict: Verdict) -> str:
    """What brings the bucket along in a plan: its stack, or itself."""
    return next((s.name for s in graph.inventory.stacks if s.id == verdict.stack), verdict.id)


def _names(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(verdict.id for verdict in verdicts)
