"""The preview of a rollout as a list: what targets have in common is shown once."""

from app.rollouts.planning import preview_items
from ops.rollouts.previews import TargetPreview
from ops.rollouts.rules.model import RolloutTarget


def preview(region: str, *changes: str, warnings: tuple[str, ...] = ()) -> TargetPreview:
    target = RolloutTarget("111111111111", region, "shop", {}, (), None, 0)
    return TargetPreview(target, creates=False, changes=changes, to_approve=(), warnings=warnings)


def test_targets_with_the_same_changes_and_warnings_are_one_item() -> None:
    same = preview("eu-west-1", "adds A"), preview("us-east-1", "adds A")
    other = preview("eu-west-2", "adds A", warnings=("**A drifts**",))
    first, second = preview_items([*same, other])
    assert first.splitlines()[0] == "- **adds A** in 2 stacks  "
    assert "us\\-east\\-1" in first and ":material/warning:" not in first
    assert ":material/warning: \\*\\*A drifts\\*\\*" in second


def test_a_target_without_changes_says_so() -> None:
    assert preview_items([preview("eu-west-1")])[0].startswith("- **No changes** in 1 stack  ")
