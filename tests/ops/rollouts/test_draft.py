"""What is drafted is a valid file that says what was asked for, whatever stands in it."""

from hypothesis import given
from hypothesis import strategies as st

from ops.rollouts.draft import Draft
from ops.rollouts.rules.rollout import parse
from tests.ops.rollouts.samples import FILE, A, B

texts = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)


@given(st.dictionaries(texts, texts, max_size=3), st.lists(texts, max_size=2, unique=True), texts)
def test_a_draft_is_read_as_it_was_meant(
    parameters: dict[str, str], alarms: list[str], template: str
) -> None:
    regions = ("eu-west-1", "us-east-1")
    differs = [(B, "eu-west-1", parameters), (A, "us-east-1", {"Size": "small"})]
    made = Draft(
        "shop", template, (A, B), regions, "us-east-1", parameters, ["CAPABILITY_IAM"], alarms, differs
    )
    read = parse(made.to_toml(), FILE)
    assert [(each.account, each.region, each.parameters) for each in read.overrides] == differs
    (group,) = read.groups
    assert (read.source.template, read.source.capabilities) == (template, ("CAPABILITY_IAM",))
    assert (group.accounts, group.regions, group.parameters) == ((A, B), regions, parameters)
    assert (read.first, list(read.alarms)) == ("us-east-1", alarms)
