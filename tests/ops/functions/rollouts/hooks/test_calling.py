"""A hook is called once per attempt, whatever happens to the step or to the answer."""

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from ops.functions.rollouts import aws, runs, store
from ops.functions.rollouts.hooks import calling
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.gates.hooks import HookRecord, HookState
from tests.ops.rollouts.samples import FILE, A

RUN = "shop-1"
LAMBDA, MACHINE = "beta/before/1", "beta/before/2"
TEXT = f"""[what]\nstack = "api"\ntemplate = "t"\n[evidence]\nnone = "a test"\n[[stage]]\nname = "beta"
where = {{ accounts = ["{A}"], regions = ["eu-west-1"] }}
hooks.before = [
  {{ lambda = "slipway-hook-smoke", failure = "pause" }}, {{ state_machine = "slipway-hook-load" }},
]"""


class Services:
    """Lambda and Step Functions, as one client: what they were asked, and what they answer next."""

    def __init__(self) -> None:
        self.invoked: list[Any] = []
        self.executions: dict[str, str] = {}
        self.answers: list[Any] = []

    def invoke(self, **arguments: Any) -> Any:
        self.invoked.append(json.loads(arguments["Payload"]))
        return self._answer({"Payload": io.BytesIO(b'"fine"')})

    def start_execution(self, **arguments: Any) -> Any:
        if arguments["name"] in self.executions:
            raise rejected("ExecutionAlreadyExists")
        self.executions[arguments["name"]] = "RUNNING"
        return self._answer({})

    def describe_execution(self, **arguments: str) -> Any:
        arn = arguments["executionArn"]
        assert arn.startswith("arn:aws:states:eu-west-1:1:execution:slipway-hook-load:")
        name = arn.rpartition(":")[2]
        if name not in self.executions:
            raise rejected("ExecutionDoesNotExist")
        return {"status": self.executions[name], "output": "{}"}

    def _answer(self, default: Any) -> Any:
        answer = self.answers.pop(0) if self.answers else default
        if isinstance(answer, BaseException):
            raise answer
        return answer


def rejected(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    document, made = Document(RUN, FILE, TEXT, {}, "{}", "Ada", divided=True), Services()
    monkeypatch.setenv("TABLE", "runs")
    monkeypatch.setenv("MACHINE", "arn:aws:states:eu-west-1:1:stateMachine:slipway-rollouts")
    monkeypatch.setattr(store, "document", lambda run: document)
    monkeypatch.setattr(runs, "notify", lambda run, what, why: None)
    with mock_aws():
        table = boto3.client("dynamodb", region_name="eu-west-1")
        keys = {"run": "HASH", "item": "RANGE"}
        table.create_table(
            TableName="runs",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        for module in (aws, store, runs):
            monkeypatch.setattr(module, "central_client", lambda service: table)
        monkeypatch.setattr(calling, "central_client", lambda service: made)
        monkeypatch.setattr(calling, "patient_client", lambda service, timeout_s: made)
        store.put(RUN, "run", {"version": "0", "status": "RUNNING"})
        yield made


def call(hook: str) -> HookRecord:
    calling.call({"run": RUN, "hook": hook})
    return calling.read_hooks(RUN)[hook]


def poll() -> HookRecord:
    calling.poll(store.document(RUN))
    return calling.read_hooks(RUN)[MACHINE]


def test_a_step_that_is_executed_twice_calls_once(services: Services) -> None:
    first = call(LAMBDA)
    assert (first.state, first.attempt, first.output) == (HookState.SUCCEEDED, 1, '"fine"')
    assert call(LAMBDA) == first
    (payload,) = services.invoked
    assert (payload["run"], payload["stage"], payload["hook"], payload["attempt"]) == (RUN, "beta", LAMBDA, 1)


def test_an_interrupted_call_is_not_repeated(services: Services) -> None:
    services.answers = [KeyboardInterrupt()]  # the controller is killed while it waits
    with pytest.raises(KeyboardInterrupt):
        calling.call({"run": RUN, "hook": LAMBDA})
    assert call(LAMBDA).state is HookState.IN_PROGRESS and len(services.invoked) == 1


def test_an_error_of_the_function_and_a_lost_answer_are_failures(services: Services) -> None:
    services.answers = [{"FunctionError": "Unhandled", "Payload": io.BytesIO(b"boom\x1b[31m\n" * 99)}]
    failed = call(LAMBDA)
    assert failed.state is HookState.FAILED and failed.output.startswith("boom [31m boom")
    assert len(failed.output) == calling.LONGEST_OUTPUT and failed.output.isprintable()
    calling.hold(RUN, LAMBDA)
    services.answers = [ReadTimeoutError(endpoint_url="https://lambda")]
    lost = call(LAMBDA)
    assert (lost.state, lost.attempt) == (HookState.FAILED, 2) and "ReadTimeoutError" in lost.output


def test_a_throttled_call_is_made_again_in_the_same_attempt(services: Services) -> None:
    services.answers = [rejected("TooManyRequestsException")]
    with pytest.raises(ClientError):
        call(LAMBDA)
    assert call(LAMBDA).attempt == 1
    assert len({payload["id"] for payload in services.invoked}) == 1


def test_a_state_machine_is_started_once_although_the_answer_is_lost(services: Services) -> None:
    services.answers = [ReadTimeoutError(endpoint_url="https://states")]
    assert call(MACHINE).state is HookState.IN_PROGRESS
    assert poll().state is HookState.IN_PROGRESS
    (name,) = services.executions
    services.executions[name] = "SUCCEEDED"
    assert poll().state is HookState.SUCCEEDED and poll().state is HookState.SUCCEEDED


def test_a_start_that_was_lost_is_made_again(services: Services) -> None:
    call(MACHINE)
    (name,) = services.executions
    services.executions.clear()
    assert poll().state is HookState.IN_PROGRESS and list(services.executions) == [name]
    services.executions[name] = "ABORTED"
    assert poll().state is HookState.FAILED


def test_a_failed_hook_pauses_the_run_until_an_operator_resumes_it(services: Services) -> None:
    services.answers = [rejected("ResourceNotFoundException")]
    assert runs.next_step({"run": RUN})["do"] == "hook"
    call(LAMBDA)
    assert runs.next_step({"run": RUN})["do"] == "wait"
    pause = json.loads(store.get(RUN, "run")["orders"])["pause"]
    assert pause.startswith(f"hook {LAMBDA} (slipway-hook-smoke) failed: An error occurred")
    assert runs.next_step({"run": RUN})["do"] == "wait" and len(services.invoked) == 1
    runs.apply_operator_command({"run": RUN, "does": "resume", "why": "fixed", "who": "Eve"})
    step = runs.next_step({"run": RUN})
    assert (step["do"], step["hook"]) == ("hook", LAMBDA)
    again = call(LAMBDA)
    assert (again.state, again.attempt) == (HookState.SUCCEEDED, 2)
    assert runs.next_step({"run": RUN})["hook"] == MACHINE
