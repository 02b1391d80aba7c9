"""Names with dots and quotes, from the policy to the suggestions and back."""

import pytest

from ops.errors import InputError
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.names import join_name, split_name
from ops.snapshots.policy.suggest import suggest_treatments
from ops.snapshots.policy.text import with_suggestions
from ops.snapshots.report import SanitizingReport, UnlistedColumn


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("billing", "customers"), "billing.customers"),
        (("", "customers"), "customers"),
        (("Our.App", "Client List"), '"Our.App".Client List'),
        (("public", "2024.01", "say.now"), 'public."2024.01"."say.now"'),
        (("public", 'odd "name'), 'public.odd "name'),
        (("public", '"quoted"'), 'public."""quoted"""'),
    ],
)
def test_a_name_is_split_as_it_was_joined(parts: tuple[str, ...], name: str) -> None:
    assert join_name(parts) == name
    assert split_name(name) == tuple(filter(None, parts))


@pytest.mark.parametrize("name", ["", "a..b", '"open', '"a"b', "a."])
def test_a_name_with_missing_parts_is_invalid(name: str) -> None:
    with pytest.raises(ValueError):
        split_name(name)


def test_suggestions_for_names_with_dots_are_parsed() -> None:
    columns = (
        UnlistedColumn('"Our.App"."Client.List"."contact.email"', "text"),
        UnlistedColumn('public."2024.01".email', "text"),
        UnlistedColumn("crm:public.leads.who:zone", "text"),
        UnlistedColumn("public.leads.who:zone", "text"),
    )
    text = with_suggestions("version = 1\n", suggest_treatments(SanitizingReport("1", (), columns)))
    assert [(t.schema, t.name, dict(t.treated)) for t in parse_policy(text).tables] == [
        ("Our.App", "Client.List", {"contact.email": parse_policy(text).tables[0].columns["contact.email"]}),
        ("public", "2024.01", {"email": parse_policy(text).tables[1].columns["email"]}),
        ("public", "leads", {}),
    ]
    assert list(parse_policy(text).databases["crm"].tables[0].columns) == ["who:zone"]


def test_kept_values_and_objects_have_reasons() -> None:
    policy = parse_policy(
        '[tables.files]\nsum = "keep because it is a checksum"\nmail = "null"\n'
        '[objects]\n"function public.f()" = "keep because it is ours"\n"large objects" = "reset"\n'
    )
    assert policy.tables[0].kept_knowingly == ("sum",)
    assert list(policy.tables[0].treated) == ["mail"]
    assert str(policy.tables[0].columns["sum"]) == "keep because it is a checksum"
    assert {name: str(choice) for name, choice in policy.objects.items()} == {
        "function public.f()": "keep because it is ours",
        "large objects": "reset",
    }


@pytest.mark.parametrize("value", ["keep", "keep because", "keep because ", "drop", "reset now"])
def test_an_object_without_a_reason_is_an_error(value: str) -> None:
    with pytest.raises(InputError, match="large objects"):
        parse_policy(f'[tables.a]\nb = "null"\n[objects]\n"large objects" = "{value}"\n')


def test_a_column_kept_without_a_reason_after_because_is_an_error() -> None:
    with pytest.raises(InputError, match="not a treatment"):
        parse_policy('[tables.a]\nb = "keep because"\nc = "null"\n')
