"""The work of the rollouts' state machine: one action a state, each safe to run twice.

Unlike the other functions it is not one file: the rules by which it decides are the simulator's own modules,
packed beside it.
"""

from typing import Any

from ops.functions.rollouts import runs, targets, undo
from ops.functions.rollouts.aws import by_name

Record = dict[str, Any]


def handler(event: Record, context: object) -> Any:
    with by_name():
        return ACTIONS[event["action"]](event.get("on") or {})


ACTIONS = {
    "begin": runs.begin,
    "next": runs.next_step,
    "rest": runs.rest,
    "watch": runs.watch,
    "abandoned": runs.abandoned,
    "start": runs.start,
    "order": runs.order,
    "freeze": runs.freeze,
    "preview": targets.preview,
    "begin target": targets.begin,
    "record": targets.record,
    "propose": targets.propose,
    "execute": targets.execute,
    "settle": targets.settle,
    "verify": targets.verify,
    "finish": targets.finish,
    "fail": targets.fail,
    "undo": undo.undo,
    "stuck": undo.stuck,
}
