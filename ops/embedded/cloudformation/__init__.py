"""CloudFormation: resource types and stack operations that the emulator lacks.

resource_types  resource types
boundaries      permissions boundaries of the roles and users in stacks
operations      stack operations that rollouts use
permissions     whose permissions CloudFormation acts with
checks          refuses templates and properties before a resource changes
reports         what stacks report, and exports in use
templates       references, conditions, functions, and names of a template
properties      properties against the schema of their type
schemas         the schemas of resource types, generated
"""
