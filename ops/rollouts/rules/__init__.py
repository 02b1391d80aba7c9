"""The rules that simulator and controller share; they import nothing of ops but errors.

reader     TOML tables that know their lines
rollout    the rollout file
waves      targets to stages, and what stages must obey
blockers   when a rollout may start
evidence   is what was deployed healthy
decisions  what a rollout does next
changes    which changes need approval
document   a rollout as it was started
"""
