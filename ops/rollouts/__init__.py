"""Hands-off rollouts: a file says what goes where in which order; all here is pure, clocks are arguments.

reader      a TOML file whose every mistake is told with its line
rollout     the rollout file and the targets that it names
waves       targets → stages, and the rules that stages obey
blockers    may it start now, and if not, when
evidence    is what was deployed healthy
simulator   a rollout on a fake clock, with scripted faults
calendar    when each stage is expected
"""
