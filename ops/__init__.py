"""Slipway's package: everything except the web interface.

errors, settings, plan, audit   shared by every other module
text/                           durations, TOML files, and quoting for SQL
aws/                            the only code that calls AWS: `Cloud`, then one module per service
templates/                      one module per CloudFormation stack, without side effects
functions/                      Lambda sources: read as text, never imported
snapshots/                      sanitized snapshots of production databases
logs/                           log export, the layout of its bucket, and search
support_stacks/                 support stacks that CDK Pipelines leaves behind
rollouts/                       deployments in waves, with alarms and automatic rollback
status/                         the state of all four jobs, and what needs attention
release/                        self-contained templates for `dist/`
organization                    Slipway's roles and settings for all accounts of an organization
doctor/                         what of Slipway would work in the user's accounts
prove/                          runs all four jobs in a sandbox account, and deletes everything
embedded/                       the embedded cloud: a local AWS emulator
cli                             `slipway`: every page's functions on the command line
notebook                        exported logs in notebooks and scripts
own_log                         Slipway's own log, and the ids of failures
installed                       the package that a wheel installs
"""

__version__ = "0.2.0"
