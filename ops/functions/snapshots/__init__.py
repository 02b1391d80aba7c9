"""The Lambda function behind the state machine of a snapshot pipeline, deployed as one source file.

handler    one action per state
common     environment, clients, errors, and tags
kinds      DB instances and clusters behind one interface
preflight  the checks at the start of a run
"""
