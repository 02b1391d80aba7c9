"""The Lambda function of a snapshot pipeline's state machine; deployed as one source file.

handler    one action a state
ground     environment, clients, errors and tags
kinds      instances and clusters behind one interface
preflight  the checks at the start of a run
"""
