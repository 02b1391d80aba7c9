"""The rules that the simulator and the controller share. They import nothing from `ops` except errors,
durations, and the reader of TOML tables.

gates/     approvals and hooks of stages
windows/   time windows and holidays of a file, and the local time of a Region
app/       a CDK app or a packaged template as the source
rollout    the rollout file
ring_tables, tables  readers of the file's tables
model      the content of a file, its targets, and its stages
waves      targets grouped into stages
rings      waves generated inside a ring
safety     the constraints on stages
blockers   when a deployment may start: time windows, holidays, freezes, alarms
evidence   the health of a stage that bakes
decisions  what a rollout does next
changes    which resource changes need approval
stateless  the resource types that may be replaced or removed unasked
document   the input of a run, as stored in S3
labels     stored states and events as words for people
"""
