"""Hands-off rollouts: a file says what goes where in which order.

Pure; clocks are arguments:
reader      a TOML file whose every mistake is told with its line
rollout     the rollout file and the targets that it names
waves       targets → stages, and the rules that stages obey
blockers    may it start now, and if not, when
evidence    is what was deployed healthy
decisions   what to do next: the rules that simulator and engine share
simulator   a rollout on a fake clock; scripts: its faults as people write them
calendar    when each stage is expected
changes     what has to be approved
document    a rollout as it was started
machine     the state machine; limits: how much of Step Functions' it may use
package     the handler's zip, with the rules in it

With AWS:
source      the file and its template on disk
engine      the engine's stack and the roles of target accounts
runs        prepared, previewed, started, watched, given orders
"""
