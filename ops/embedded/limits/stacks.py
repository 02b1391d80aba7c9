"""The limits of a service for resources of a stack, whose properties are nearly the service's parameters."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.services.cloudformation import provisioners

from ops.embedded.limits import documents, rules
from ops.embedded.limits.problems import Parameters, Problem

SEAMS = ("ministack.services.cloudformation.provisioners._pascal_to_camel",)

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


def problems(type_: str, properties: Parameters) -> Iterator[Problem]:
    """Yield what the service would refuse if it were called with these properties."""
    if type_.startswith("AWS::IAM::"):
        for message in _policies(type_, properties):
            yield Problem(documents.MALFORMED, message)
    elif type_ in _CALLS:
        service, operation, parameters = _CALLS[type_]
        yield from rules.problems(service, operation, parameters(properties))


def _same(properties: Parameters) -> Parameters:
    return properties


def _task_definition(properties: Parameters) -> Parameters:
    return {"family": "generated", **provisioners._pascal_to_camel(dict(properties))}


def _state_machine(properties: Parameters) -> Parameters:
    """Return the definition, with the values that CloudFormation puts in for `${Name}`."""
    values = properties.get("DefinitionSubstitutions") or {}
    text = properties.get("DefinitionString")
    if text is None and properties.get("Definition") is not None:
        text = json.dumps(properties["Definition"])
    if text is None:
        return {}
    return {"definition": _VARIABLE.sub(lambda match: str(values.get(match[1], match[0])), str(text))}


def _rule(properties: Parameters) -> Parameters:
    return {**properties, "EventPattern": properties.get("EventPattern")}


def _topic(properties: Parameters) -> Parameters:
    return {"Name": properties.get("TopicName", "generated")}


def _instance(properties: Parameters) -> Parameters:
    """Return the parameters of a new instance; one that is restored has those of its snapshot."""
    restored = properties.get("DBSnapshotIdentifier") or properties.get("SourceDBInstanceIdentifier")
    groups = {"VpcSecurityGroupIds": properties.get("VPCSecurityGroups") or []}
    own = {"Engine": "custom-oracle-ee", "MasterUsername": "restored", "MasterUserPassword": "restored"}
    return {**(own if restored else {}), **properties, **groups}


_CALLS: Mapping[str, tuple[str, str, Callable[[Parameters], Any]]] = {
    "AWS::CloudWatch::Alarm": ("cloudwatch", "PutMetricAlarm", _same),
    "AWS::ECS::TaskDefinition": ("ecs", "RegisterTaskDefinition", _task_definition),
    "AWS::Events::Rule": ("events", "PutRule", _rule),
    "AWS::KinesisFirehose::DeliveryStream": ("firehose", "CreateDeliveryStream", _same),
    "AWS::Lambda::Function": ("lambda", "CreateFunction", _same),
    "AWS::RDS::DBInstance": ("rds", "CreateDBInstance", _instance),
    "AWS::SNS::Topic": ("sns", "CreateTopic", _topic),
    "AWS::StepFunctions::StateMachine": ("stepfunctions", "UpdateStateMachine", _state_machine),
}


def _policies(type_: str, properties: Parameters) -> Iterator[str]:
    if (trust := properties.get("AssumeRolePolicyDocument")) is not None:
        yield from documents.wrong(trust, of_identity=False)
    inline = [policy.get("PolicyDocument") for policy in properties.get("Policies") or []]
    for document in [*inline, properties.get("PolicyDocument")]:
        if document is not None:
            yield from documents.wrong(document, of_identity=True)
