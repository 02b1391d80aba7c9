"""CloudFormation: resource types and stack operations that the emulator lacks.

resource_types  resource types that the emulator lacks
operations      stack operations that rollouts need
"""
