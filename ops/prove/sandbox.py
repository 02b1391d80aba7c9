"""The accounts and Regions of a proof, and what must not be in them: stacks of Slipway that somebody uses."""

from collections.abc import Callable
from dataclasses import replace

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import list_stacks
from ops.aws.inspection.recording import Recorder
from ops.errors import Conflict, SettingsError
from ops.rollouts.controller import STACK as CONTROLLER
from ops.rollouts.controller import TARGET_STACK
from ops.support_stacks.replication import DIRECTORY, STACK
from ops.templates.logs import CENTRAL_DESCRIPTION, MEMBER_DESCRIPTION

# These have the same name in every account: other stacks and roles find them by it.
FIXED = (CONTROLLER, TARGET_STACK, STACK, DIRECTORY)
EXPORTS = (CENTRAL_DESCRIPTION, MEMBER_DESCRIPTION)


def sandbox(cloud: Cloud, recorder: Recorder | None = None) -> Cloud:
    """Return a Cloud that knows only the sandbox accounts and Regions. Raises SettingsError without any.

    `recorder` gets AWS's answers.
    """
    settings = cloud.settings
    if not settings.prove_accounts:
        raise SettingsError(
            "No sandbox account is configured.",
            hint='Name one in slipway.toml: prove_accounts = ["sandbox"]. Everything is deployed in it, and '
            "deleted again.",
        )
    regions = settings.prove_regions or (settings.home_region,)
    named = dict.fromkeys(cloud.account(name) for name in settings.prove_accounts)
    accounts = tuple(replace(account, regions=regions) for account in named)
    confined = replace(settings, accounts=accounts, regions=regions, home_region=regions[0], logs=())
    return Cloud(confined, cloud.endpoint, recorder.watch if recorder else None)


def check_free(cloud: Cloud, owns: Callable[[str, Place], bool]) -> str:
    """Return evidence that no stack would be confused with one of the proof. Raises Conflict.

    `owns` returns whether the proof has created a stack of this name in this place.
    """
    for reading in cloud.read(lambda place: list_stacks(cloud, place.account.id, place.region)):
        if reading.error:
            raise reading.error
        place = reading.place
        for stack in reading.value or ():
            if (stack.name in FIXED or stack.description in EXPORTS) and not owns(stack.name, place):
                raise Conflict(
                    f"{place.account.name} already has the stack {stack.name} in {place.region}.",
                    hint="A proof would use and delete it. Choose an account in which Slipway is not used.",
                )
    return f"no stack of Slipway in {len(cloud.places)} accounts and Regions"
