"""The target roles in every account of organizational units: a service-managed StackSet."""

from troposphere import Parameter, Ref, Template, cloudformation

DESCRIPTION = "Slipway: the roles for rollouts in every account of organizational units."


def organization(target: str) -> Template:
    """Return the template for the management account or a delegated administrator account.

    `target` is the target template's text.
    """
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    names = {
        "EngineRoleArn": "Output HandlerRoleArn of the controller stack",
        "EngineBucket": "Output Bucket of the controller stack",
        "ExecutionPolicyArns": "Managed policies of CloudFormation's service role, comma-separated",
    }
    for name, description in names.items():
        stack.add_parameter(Parameter(name, Type="String", Description=description))
    stack.add_parameter(
        Parameter(
            "Units", Type="CommaDelimitedList", Description="Ids of organizational units, or of the root"
        )
    )
    stack.add_parameter(
        Parameter(
            "CallAs",
            Type="String",
            Default="SELF",
            AllowedValues=["SELF", "DELEGATED_ADMIN"],
            Description="DELEGATED_ADMIN when deployed outside the management account",
        )
    )
    stack.add_resource(_stack_set(target, list(names)))
    return stack


def _stack_set(target: str, names: list[str]) -> cloudformation.StackSet:
    return cloudformation.StackSet(
        "Targets",
        StackSetName="slipway-rollout-targets",
        Description="Roles for the rollout controller",
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
