"""What `slipway doctor` asks AWS. Every call is free of charge, and only `trial_stacks` changes something.

definitions   ValidateTemplate and ValidateStateMachineDefinition
quotas        quotas of an account and what of them is used
endpoints     whether the endpoints of AWS can be reached from this machine
trial_stacks  change sets that are deleted without being executed
recording     AWS's answers without identifiers
"""
