"""CloudFormation: resource types and stack operations that the emulator lacks.

resource_types  resource types
boundaries      permissions boundaries of the roles and users in stacks
operations      stack operations that rollouts use
permissions     whose permissions CloudFormation acts with
"""
