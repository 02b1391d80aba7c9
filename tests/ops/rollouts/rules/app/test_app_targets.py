"""The stacks of an app as targets: where each goes, in which order, and what is refused before the start."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ops.errors import InputError
from ops.rollouts.limits import limit_usage
from ops.rollouts.rules.app.model import AppStack
from ops.rollouts.rules.decisions import Decision, DecisionKind, RolloutFacts, TargetState, decide
from ops.rollouts.rules.document import Document, from_json
from ops.rollouts.rules.rollout import parse
from ops.rollouts.rules.waves import rollback_order
from tests.ops.rollouts.samples import FILE

NOW = datetime(2026, 11, 30, tzinfo=UTC)
A, B, C = "111111111111", "222222222222", "333333333333"
DATA = AppStack("Data", "Data", "Data", "d1", parameters=("Size",))
API = AppStack("Api", "Api", "Api", "a1", after=("Data",), order=1, parameters=("Size", "Mode"))
HEAD = '[what]\nassembly = "cdk.out"\n{what}\n[evidence]\nnone = "a test"\n'


def document(*stages: str, stacks: tuple[AppStack, ...] = (DATA, API), what: str = "") -> Document:
    text = HEAD.format(what=what) + "".join(f"[[stage]]\n{stage}\n" for stage in stages)
    return Document("shop-1", FILE, text, {}, "", "Ada", divided=True, stacks=stacks)


def stage(accounts: list[str], regions: list[str], more: str = "", rest: str = "") -> str:
    return f'where = {{ accounts = {accounts!r}, regions = {regions!r}{more} }}\nbake = "1h"\n{rest}'


def ids(made: Document) -> list[list[str]]:
    return [[target.id for target in stage.targets] for stage in made.stages]


def test_every_place_gets_all_stacks_and_waves_count_places() -> None:
    accounts = [f"{number:012}" for number in range(1, 11)]
    made = document(stage([A], ["eu-west-1"]), stage(accounts, ["eu-west-1"], rest="waves = [10, 50, 100]"))
    assert ids(made)[0] == [f"{A}/eu-west-1/Data", f"{A}/eu-west-1/Api"]
    assert [len(targets) for targets in ids(made)] == [2, 2, 8, 10]


def test_bound_stacks_go_to_their_places_and_the_others_everywhere() -> None:
    bound = AppStack("Cert", "Cert", "Cert", "c1", account=B, region="us-east-1")
    regional = AppStack("Dns", "Dns", "Dns", "n1", region="us-east-1")
    made = document(
        stage([A], ["eu-west-1"]),
        stage([B], ["us-east-1"]),
        stacks=(DATA, bound, regional),
    )
    assert ids(made) == [
        [f"{A}/eu-west-1/Data"],
        [f"{B}/us-east-1/{name}" for name in ("Data", "Cert", "Dns")],
    ]


@pytest.mark.parametrize(
    ("stacks", "message"),
    [
        (
            (replace(DATA, account=A, region="eu-west-1"),),
            f"no stack of the app can be deployed to {B}, eu-west-1: Data is bound to aws://{A}/eu-west-1",
        ),
        (
            (DATA, replace(API, account=C, region="eu-west-1", after=())),
            f"Api, bound to aws://{C}/eu-west-1, has no target",
        ),
        ((DATA, replace(API, artifact="X", label="X", name="Data")), "Data and X are both the stack Data"),
    ],
    ids=["elsewhere", "nowhere", "same name"],
)
def test_a_mismatch_is_refused_and_names_stack_environment_and_target(
    stacks: tuple[AppStack, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _ = document(stage([A], ["eu-west-1"]), stage([B], ["eu-west-1"]), stacks=stacks).stages


def test_the_same_name_may_be_bound_to_several_places() -> None:
    first = replace(DATA, account=A, region="eu-west-1")
    second = replace(first, artifact="Other", account=B, template="d2")
    made = document(stage([A], ["eu-west-1"]), stage([B], ["eu-west-1"]), stacks=(first, second))
    names = [made.template_name(target) for _, target in made.targets.values()]
    assert names == ["d1", "d2"]


def test_a_stack_of_the_file_chooses_one_or_renames_the_only_one() -> None:
    one_of = document(stage([A], ["eu-west-1"], ', stack = "Api"'), stage([B], ["eu-west-1"]))
    assert ids(one_of)[0] == [f"{A}/eu-west-1/Api"]
    cells = ', cells = ["c1", "c2"], stack = "data-{cell}"'
    renamed = document(stage([A], ["eu-west-1"], cells), stacks=(DATA,))
    assert ids(renamed) == [[f"{A}/eu-west-1/data-c1"], [f"{A}/eu-west-1/data-c2"]]
    with pytest.raises(InputError, match="stack is 'Web', which is not in the app"):
        _ = document(stage([A], ["eu-west-1"], ', stack = "Web"')).stages


def test_parameters_go_to_the_stacks_that_declare_them() -> None:
    made = document(stage([A], ["eu-west-1"]), what='parameters = { Size = "l", Mode = "x" }')
    assert [dict(target.parameters) for _, target in made.targets.values()] == [
        {"Size": "l"},
        {"Size": "l", "Mode": "x"},
    ]
    with pytest.raises(InputError, match="no stack of the app has the parameter Sise"):
        _ = document(stage([A], ["eu-west-1"]), what='parameters = { Sise = "l" }').stages


def test_a_stack_cannot_be_deployed_before_one_that_it_depends_on() -> None:
    data = replace(DATA, account=B, region="eu-west-1")
    api = replace(API, account=A, region="eu-west-1")
    stages = stage([A], ["eu-west-1"]), stage([B], ["eu-west-1"])
    with pytest.raises(InputError, match="Api depends on Data, which is deployed in a later stage"):
        _ = document(*stages, stacks=(data, api)).stages
    assert len(document(*reversed(stages), stacks=(data, api)).stages) == 2


def decided(made: Document, **states: TargetState) -> Decision:
    known = {f"{A}/eu-west-1/{name}": state for name, state in states.items()}
    facts = RolloutFacts(NOW, started=dict.fromkeys(known, NOW), states=known)
    return decide(made.rollout, made.stages, facts)


def test_dependent_stacks_are_deployed_one_after_the_other_and_rolled_back_in_reverse() -> None:
    made = document(stage([A], ["eu-west-1"]))
    first = decided(made)
    assert (first.kind, [target.stack for target in first.targets]) == (DecisionKind.DEPLOY, ["Data"])
    second = decided(made, Data=TargetState.DEPLOYED)
    assert (second.kind, [target.stack for target in second.targets]) == (DecisionKind.DEPLOY, ["Api"])
    both = decided(made, Data=TargetState.DEPLOYED, Api=TargetState.DEPLOYED)
    assert both.kind is DecisionKind.BAKE
    back = rollback_order(made.stages, {target for stage in ids(made) for target in stage})
    assert [[target.stack for target in group] for group in back] == [["Api"], ["Data"]]


def test_a_tolerated_failure_stops_the_run_if_other_stacks_come_after_it() -> None:
    made = document(
        stage([A], ["eu-west-1"]), stage([B, C], ["eu-west-1"], rest="failures = 1\nwaves = [50, 100]")
    )
    started = {target.id: NOW for target in made.stages[0].targets}
    states = dict.fromkeys(started, TargetState.DEPLOYED)
    failed = f"{B}/eu-west-1/Data"
    facts = RolloutFacts(
        NOW,
        started={**started, failed: NOW},
        states={**states, failed: TargetState.FAILED},
        bake_started={0: NOW},
        baked=frozenset({0}),
    )
    decision = decide(made.rollout, made.stages, facts)
    assert decision.kind is DecisionKind.STOP
    assert decision.reasons == (
        f"{failed} failed, and {B}/eu-west-1/Api, which comes after it, was not started",
    )


def test_the_document_of_an_app_survives_its_storage() -> None:
    made = document(stage([A], ["eu-west-1"]))
    stored = from_json(made.to_json())
    assert stored.stacks == made.stacks and ids(stored) == ids(made)


def test_each_layer_of_stacks_and_the_assets_count_in_the_history_of_a_run() -> None:
    one, two = document(stage([A], ["eu-west-1"]), stacks=(DATA,)), document(stage([A], ["eu-west-1"]))
    plain = parse(
        HEAD.format(what="").replace("assembly", 'stack = "s"\ntemplate')
        + f"[[stage]]\n{stage([A], ['eu-west-1'])}",
        FILE,
    )
    old = Document("shop-1", FILE, "", {}, "{}", "Ada", divided=True, parsed=plain)
    used = [limit_usage(each.stages, "shop-1")[0].used for each in (old, one, two)]
    assert used[1] - used[0] == 13 and used[2] - used[1] == 2 * 13
