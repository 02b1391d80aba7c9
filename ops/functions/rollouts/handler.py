"""The Lambda function of the rollouts' state machine: one action for each state, each idempotent.

It is deployed as a zip package, because it shares the rules with the simulator.
"""

from typing import Any

from ops.functions.rollouts import assets, preview, rollback, runs, targets
from ops.functions.rollouts.aws import central_client, mapped_errors
from ops.functions.rollouts.hooks import calling
from ops.functions.shared.tasks import run_task

Record = dict[str, Any]


def handler(event: Record, context: object) -> Any:
    parameters = event.get("on") or {}

    def act() -> Any:
        with mapped_errors():
            return ACTIONS[event["action"]](parameters)

    with mapped_errors():
        return run_task(event, parameters.get("run", ""), central_client("stepfunctions"), act)


# The names are a contract with the state machine and the workbench: executions in progress keep using them.
ACTIONS = {
    "begin": runs.begin_execution,
    "next": runs.next_step,
    "rest": runs.wait_for_token,
    "watch": runs.watch_runs,
    "abandoned": runs.recover_ended_execution,
    "start": runs.start_run,
    "order": runs.apply_operator_command,
    "freeze": runs.set_freeze,
    "preview": preview.preview,
    "publish": assets.publish,
    "hook": calling.call,
    "begin target": targets.begin,
    "record": targets.record,
    "propose": targets.propose,
    "execute": targets.execute,
    "settle": targets.settle,
    "verify": targets.verify,
    "finish": targets.finish,
    "fail": targets.fail,
    "undo": rollback.roll_back,
    "stuck": rollback.record_stuck,
}
