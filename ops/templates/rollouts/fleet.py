"""The target's roles in every account of organizational units: a service-managed StackSet."""

from troposphere import Parameter, Ref, Template, cloudformation

DESCRIPTION = "Slipway: the rollouts' roles in every account of an organization's units."


def fleet(target: str) -> Template:
    """`target`: the target's template as text. For the management or a delegated administrator account."""
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    names = {
        "EngineRoleArn": "Output HandlerRoleArn of the engine's stack",
        "EngineBucket": "Output Bucket of the engine's stack",
        "ExecutionPolicyArns": "Managed policies of the role that CloudFormation acts in, with commas",
    }
    for name, description in names.items():
        stack.add_parameter(Parameter(name, Type="String", Description=description))
    stack.add_parameter(
        Parameter("Units", Type="CommaDelimitedList", Description="Organizational units, or the root")
    )
    stack.add_parameter(
        Parameter(
            "CallAs",
            Type="String",
            Default="SELF",
            AllowedValues=["SELF", "DELEGATED_ADMIN"],
            Description="DELEGATED_ADMIN outside the management account",
        )
    )
    stack.add_resource(_stack_set(target, list(names)))
    return stack


def _stack_set(target: str, names: list[str]) -> cloudformation.StackSet:
    return cloudformation.StackSet(
        "Targets",
        StackSetName="slipway-rollout-targets",
        Description="Roles that the rollouts' engine uses",
        PermissionModel="SERVICE_MANAGED",
        CallAs=Ref("CallAs"),
        AutoDeployment=cloudformation.AutoDeployment(Enabled=True, RetainStacksOnAccountRemoval=False),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        ManagedExecution=cloudformation.ManagedExecution(Active=True),
        Parameters=[cloudformation.Parameter(ParameterKey=name, ParameterValue=Ref(name)) for name in names],
        OperationPreferences=cloudformation.OperationPreferences(
            MaxConcurrentPercentage=100, FailureTolerancePercentage=100, RegionConcurrencyType="PARALLEL"
        ),
        StackInstancesGroup=[
            cloudformation.StackInstances(
                # Roles are global: one region is enough.
                Regions=[Ref("AWS::Region")],
                DeploymentTargets=cloudformation.DeploymentTargets(OrganizationalUnitIds=Ref("Units")),
            )
        ],
        TemplateBody=target,
    )
