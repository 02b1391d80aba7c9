"""CloudFormation: resource types and stack operations that the emulator lacks.

resource_types  resource types
operations      stack operations that rollouts use
permissions     whose permissions CloudFormation acts with
"""
