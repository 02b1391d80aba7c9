"""A CDK app, or a packaged template, as the source of a rollout: where it belongs, and what it needs there.

model     the stacks of an app, with their assets, as the document of a run holds them
targets   the stacks that a file's selection deploys in one account and region; the order of a stage's stacks
packaged  the files, images, and macros of a template that is not of an app
"""
