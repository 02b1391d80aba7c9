"""Deploys, changes and removes the export in many accounts and regions by one plan.

The centre comes first, then the destinations of other regions, then every other place, many at once. A place
that fails keeps only those waiting that send their logs through it. Removing goes the other way round.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy, whole_stacks
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import Change, Stack, StackSpec
from ops.errors import Conflict, InputError, NotFound, SlipwayError
from ops.logs.export.deployment import package
from ops.logs.export.deployment import parameters as deployment_parameters
from ops.logs.export.deployment.actions import CENTRAL_MAKES, MEMBER_MAKES
from ops.logs.export.deployment.deployed import Standing, belongs, find_central, name_of, read_place
from ops.logs.export.deployment.stacks import STACK, central_spec, member_spec
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Say, Step

AT_ONCE = 6  # places: each is a stack that is looked at once a second
DEPLOY, REMOVE = "Deploy the log export", "Remove the log export"  # what their plans' titles begin with
KIND = "AWS::CloudFormation::Stack"
# Replaced, they would take along what is on its way.
STAY = ("AWS::Kinesis::Stream", "AWS::Logs::Destination")


@dataclass(frozen=True)
class Wish:
    """Where the export is wanted; `parameters` by their names in the central template, the rest as it is."""

    central: Place
    places: tuple[Place, ...]
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class _Part:
    """One stack of the plan: its specification as it can be told now, and what it waits for."""

    place: Place
    standing: Standing
    spec: StackSpec
    through: Place | None = None  # whose destination it sends to; a stream's, where it makes one itself
    uploads: tuple[Upload, ...] = ()
    note: str = ""


def plan_deploy(cloud: Cloud, standings: Sequence[Standing], wish: Wish) -> Plan:
    """Creates what is missing and updates what differs; `standings` holds every place of the wish.

    Raises InputError for parameters that cannot work, and where another export is in the way.
    """
    deployment_parameters.check(wish.parameters)
    standing = {each.place: each for each in standings}
    _check_places(standing, wish)
    central = _central_part(cloud, standing[wish.central], wish)
    parts = [central, *_member_parts(standing, wish, central)]
    steps = [_deploy_step(cloud, part, wish, central) for part in parts]
    return Plan(
        f"{DEPLOY} to {len(steps)} places, with the centre in {name_of(wish.central)}",
        tuple(steps),
        Operation.DEPLOY_EXPORT,
        at_once=AT_ONCE,
    )


def _check_places(standing: Mapping[Place, Standing], wish: Wish) -> None:
    found = standing[wish.central]
    if found.error:
        raise found.error
    if found.stack and not found.is_central:
        raise InputError(
            f"{found.name} sends its logs to another centre.",
            field="central",
            hint="Remove the export there first, or choose another place for the centre.",
        )
    for place in wish.places:
        other = standing[place]
        strange = other.is_central if place != wish.central else False
        if strange or (other.stack and found.stack and not belongs(other, found)):
            raise InputError(
                f"{other.name} belongs to another export.",
                field="places",
                hint="Leave it out, or remove the export there first.",
            )


def _central_part(cloud: Cloud, standing: Standing, wish: Wish) -> _Part:
    place = wish.central
    present = standing.stack.parameters if standing.stack else {}
    others = {each.account.id for each in wish.places} - {place.account.id}
    parameters = deployment_parameters.of_central(present, wish.parameters, others)
    uploads: tuple[Upload, ...] = ()
    note = ""
    if "ProcessorPackage" not in wish.parameters:
        try:
            zipped = package.build(cloud.settings.data / "packages")
        except NotFound as error:
            parameters["ProcessorPackage"], note = "", f"{error} {error.hint}"
        else:
            uploads = (Upload(package.key(zipped), zipped),)
            bucket = deploy.staging_bucket(place.account.id, place.region)
            parameters["ProcessorPackage"] = f"{bucket}/{package.key(zipped)}"
    return _Part(place, standing, _named(central_spec(place, parameters), standing), None, uploads, note)


def _member_parts(standing: Mapping[Place, Standing], wish: Wish, central: _Part) -> Iterator[_Part]:
    """Those of the central account first: they make the destinations of their regions."""
    home = wish.central
    elsewhere = sorted({place.region for place in wish.places} - {home.region})
    makers = {region: Place(home.account, region) for region in elsewhere}
    for maker in makers.values():
        yield _member_part(standing.get(maker, Standing(maker)), wish, central, home, home)
    for place in sorted(set(wish.places) - {home, *makers.values()}, key=name_of):
        through = makers.get(place.region, home)
        yield _member_part(standing[place], wish, central, through, home)


def _member_part(standing: Standing, wish: Wish, central: _Part, through: Place, home: Place) -> _Part:
    place = standing.place
    present = standing.stack.parameters if standing.stack else {}
    # Where its logs go may be known only when what is before it stands: until then as they go now.
    target = {name: present.get(name, "") for name in ("LogDestination", "StreamName", "StreamRegion")}
    if place.account == home.account:
        target["StreamRegion"] = home.region
    parameters = deployment_parameters.of_member(present, wish.parameters, central.spec.parameters, target)
    note = ""
    if place not in wish.places:
        note = f"makes the destination that the other accounts need in {place.region}"
    return _Part(place, standing, _named(member_spec(place, parameters), standing), through, note=note)


def _named(spec: StackSpec, standing: Standing) -> StackSpec:
    """A stack that was deployed by other means keeps its name."""
    return replace(spec, name=standing.stack.name) if standing.stack else spec


def _deploy_step(cloud: Cloud, part: _Part, wish: Wish, central: _Part) -> Step:
    place, existing = part.place, part.standing.stack
    is_central = part is central
    what = "the centre of the export" if is_central else "the export"
    differences = ", ".join(_differences(part.standing, part.spec))
    if part.standing.error:
        evidence = f"could not be read: {part.standing.error}"
    elif existing:
        evidence = f"changes {differences}" if differences else "up to date"
    else:
        evidence = f"{len(json.loads(part.spec.template_body)['Resources'])} resources at most"

    def act(say: Say) -> None:
        spec = _aimed(cloud, part, wish.central)
        whole_stacks.bring_up(cloud, spec, part.uploads, say, may_go=_may_go)

    def check() -> Check:
        spec = _aimed(cloud, part, wish.central)
        now = read_place(cloud, place)
        if now.stack and not _differences(now, spec):
            return Check(Readiness.DONE, "up to date")
        if now.stack and not part.standing.error and now.is_central != is_central:
            raise Conflict(f"{now.name} holds another export by now.", hint="Make the plan again.")
        return READY

    return Step(
        id=name_of(place),
        does=f"{'Update' if existing else 'Create'} {what} in {name_of(place)}",
        resource=Resource(KIND, part.spec.name, place.account.id, place.region),
        act=act,
        check=check,
        needs=(name_of(part.through),) if part.through else (),
        evidence="; ".join(filter(None, (evidence, part.note))),
        parameters=part.spec.parameters,
        actions=(*whole_stacks.BRINGS_UP, *(CENTRAL_MAKES if is_central else MEMBER_MAKES)),
    )


def _may_go(change: Change) -> bool:
    return change.kind not in STAY


def _aimed(cloud: Cloud, part: _Part, home: Place) -> StackSpec:
    """The specification with what is known only when the place before it stands."""
    if part.through is None:
        return part.spec
    before = read_place(cloud, part.through).stack
    wanted = "Stream" if part.place.account == home.account else "LogDestination"
    if before is None or wanted not in before.outputs:
        raise NotFound(
            f"{name_of(part.through)} has no {wanted} to send to.",
            hint="Deploy it first: run the plan again.",
        )
    name = "StreamName" if wanted == "Stream" else "LogDestination"
    return replace(part.spec, parameters={**part.spec.parameters, name: before.outputs[wanted]})


def _differences(standing: Standing, spec: StackSpec) -> list[str]:
    """What an update would change, in words; nothing where the stack is just what is wanted."""
    if standing.stack is None:
        return ["everything"]
    present = standing.stack.parameters
    found = [
        f"{name}: {present.get(name) or 'empty'} → {value or 'empty'}"
        for name, value in spec.parameters.items()
        if present.get(name, "") != value
    ]
    wanted = json.loads(spec.template_body)
    if standing.template != wanted:
        now, then = _resources(standing.template), wanted["Resources"]
        names = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
        found.append(f"the template ({', '.join(names) or 'no resource'})")
    if standing.stack.status.endswith("_FAILED"):
        found.append(f"its state {standing.stack.status}")
    return found


def _resources(template: object) -> Mapping[str, object]:
    return template.get("Resources", {}) if isinstance(template, dict) else {}


def plan_remove(
    cloud: Cloud, standings: Sequence[Standing], central: Place | None, places: Sequence[Place]
) -> Plan:
    """Deletes the export's stacks in these places, the centre last; log groups are unsubscribed with them.

    `standings` holds every place that may send. Raises InputError where others would lose their way, NotFound
    where nothing stands.
    """
    found = _export(standings, central)
    chosen = [each for each in found if each.place in places]
    unread = [each for each in standings if each.error]
    if not chosen:
        if unread:
            raise unread[0].error or NotFound(unread[0].name)
        raise NotFound("There is no export in these places.", hint="python -m ops logs deploy makes one.")
    home = next(each.place for each in found if each.is_central)
    _check_left(found, unread, chosen, home)
    members = [each for each in chosen if each.place.account != home.account]
    makers = [each for each in chosen if each.place.account == home.account and not each.is_central]
    ordered = [*members, *makers, *(each for each in chosen if each.is_central)]
    return Plan(
        f"{REMOVE} from {len(ordered)} places",
        tuple(_remove_step(cloud, each, ordered, home) for each in ordered),
        Operation.REMOVE_EXPORT,
        confirm=STACK,
        at_once=AT_ONCE,
    )


def _export(standings: Sequence[Standing], central: Place | None) -> list[Standing]:
    """The stacks of one export."""
    among = [each for each in standings if central is None or each.place == central]
    middle = find_central(among)
    if middle is None:
        errors: list[SlipwayError] = [each.error for each in standings if each.error]
        if errors:
            raise errors[0]
        raise NotFound("No export is deployed in these accounts and regions.", hint="Deploy one first.")
    return [each for each in standings if each.stack and belongs(each, middle)]


def _check_left(
    found: Sequence[Standing], unread: Sequence[Standing], chosen: Sequence[Standing], home: Place
) -> None:
    """Nobody may be left whose destination goes."""
    gone = {each.place for each in chosen}
    for each in [*(item for item in found if item.place not in gone), *unread]:
        through = Place(home.account, each.place.region)
        if home in gone or (through in gone and through != each.place):
            why = f"cannot be read ({each.error})" if each.error else "sends its logs there"
            raise InputError(
                f"{each.name} {why}: its destination cannot be removed.",
                field="places",
                hint="Remove that place as well, or first.",
            )


def _remove_step(cloud: Cloud, standing: Standing, ordered: Sequence[Standing], home: Place) -> Step:
    """The centre waits for all, a destination for those that send to it."""
    stack, place = _there(standing), standing.place
    [deletes] = deploy.plan_delete(cloud, stack, place.account.id, place.region).steps
    kept = "its log groups are unsubscribed"
    before = [each for each in ordered if each.place.account != home.account]
    if standing.is_central:
        before = [each for each in ordered if each is not standing]
        kept += f"; {stack.outputs.get('Bucket', 'the bucket').rpartition(':')[2]} and its data stay"
    elif place.account == home.account:
        before = [each for each in before if each.place.region == place.region]
    else:
        before = []
    return replace(
        deletes,
        id=standing.name,
        does=f"Remove the export from {standing.name}",
        needs=tuple(each.name for each in before),
        evidence=kept,
    )


def _there(standing: Standing) -> Stack:
    assert standing.stack
    return standing.stack
