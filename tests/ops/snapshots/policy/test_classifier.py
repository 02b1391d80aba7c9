"""The classifier: its figures on labeled columns, and the rules behind them."""

import random

import pytest

from ops.snapshots.policy.classifier.classes import CLASSES
from ops.snapshots.policy.classifier.classify import classify
from ops.snapshots.policy.classifier.column import Column, read_type
from ops.snapshots.policy.classifier.lexicon import LEXICON
from ops.snapshots.policy.classifier.treatments import treatment_for
from ops.snapshots.policy.classifier.words import split
from tests.ops.snapshots.policy.columns import FOLDER, read, scores, table

GUIDE = (FOLDER.parents[2] / "docs" / "snapshots.md").read_text("utf-8")


def verdict(table_: str, *columns: str, values: tuple[str, ...] = (), references: str = "") -> str:
    """Return the class of the first column, `NAME TYPE`, of a table."""
    first, *others = (column.rpartition(" ") for column in columns)
    beside = [Column(table_, name, type_) for name, _, type_ in others]
    return classify([Column(table_, first[0], first[2], values=values, references=references), *beside])[
        0
    ].cls


def test_the_guide_states_precision_and_recall() -> None:
    assert table() in GUIDE


@pytest.mark.parametrize("part", ["development", "held_back"])
def test_personal_columns_are_found(part: str) -> None:
    score = scores(part)["personal"]
    assert score.recall >= 0.9 and score.f1 >= 0.9


def test_the_labels_are_of_many_schemas_and_languages() -> None:
    items = [*read("development"), *read("held_back")]
    assert len({item.schema for item in items}) >= 40
    assert {item.language for item in items} >= {
        "en",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "nl",
        "pl",
        "no",
        "sv",
        "da",
    }
    assert {item.label for item in items} <= set(CLASSES)


def test_the_guide_lists_every_class() -> None:
    assert [
        f"| `{name}` | {covers} |"
        for name, covers in CLASSES.items()
        if f"| `{name}` | {covers} |" not in GUIDE
    ] == []


WORDS = {
    "ship_address": ("ship", "address"),
    "ShipAddress": ("ship", "address"),
    "shipaddress": ("ship", "address"),
    "customer-first-name": ("customer", "first", "name"),
    "IPAddress": ("ip", "address"),
    "Straßenname": ("strasse", "name"),
    "Geburtsdatum": ("geburtsdatum",),
    "tournament": ("tournament",),
    "package": ("package",),
    "hotel": ("hotel",),
    "date_of_birth": ("date", "of", "birth"),
}


@pytest.mark.parametrize("name", WORDS)
def test_a_name_is_split_into_whole_words(name: str) -> None:
    assert split(name) == WORDS[name]


HARD = {
    "ip_count int": "none",
    "address_id int": "none",
    "email_sent_at timestamp": "none",
    "phone_verified boolean": "none",
    "token_count int": "none",
    "email_template text": "none",
    "is_email_public boolean": "none",
    "filename text": "none",
    "company_name text": "none",
    "commit_hash text": "none",
    "product_description text": "none",
    "ship_address text": "address",
    "shipping_city text": "city",
    "password_hash text": "secret",
    "fname varchar(40)": "person_name",
    "ssn char(11)": "national_id",
    "addr1 text": "address",
    "emailaddr text": "email",
    "telefonnummer_privat varchar(20)": "phone",
    "code_postal char(5)": "postcode",
    "fecha_nacimiento date": "birth_date",
    "numero_carte varchar(20)": "credit_card",
}


@pytest.mark.parametrize("column", HARD)
def test_a_name_alone(column: str) -> None:
    assert verdict("entries", column) == HARD[column]


@pytest.mark.parametrize("column", ["name text", "city text", "notes text", "title text"])
def test_a_table_with_a_last_name_is_about_people(column: str) -> None:
    assert verdict("x", column, "last_name text") != "none"


@pytest.mark.parametrize("table_", ["categories", "films", "products"])
def test_the_columns_of_things_are_not_personal(table_: str) -> None:
    assert {verdict(table_, f"{name} text") for name in ("name", "title", "description")} == {"none"}


def test_a_table_of_places_has_no_personal_city() -> None:
    assert (verdict("cities", "city text"), verdict("people", "city text")) == ("none", "city")


def test_the_child_of_a_personal_key_is_personal() -> None:
    columns = [
        Column("shop.users", "email", "text"),
        Column("shop.logins", "account", "text", references="shop.users.email"),
        Column("shop.visits", "account", "text", references="shop.logins.account"),
    ]
    assert [item.cls for item in classify(columns)] == ["email", "email", "email"]


VALUES = {
    ("jane@corp.test", "x@corp.test"): "email",
    ("call jane@corp.test",): "free_text",
    ("Jane Miller", "Thomas Weber"): "person_name",
    ("Jane Miller",): "none",  # a statistical guess needs two distinct values
    ("Jane Miller", "Jane Miller"): "none",
    ("12 Oak Street", "7 Mill Lane"): "address",
    ("+49 171 2345678", "+33 6 12 34 56 78"): "phone",
    ("203.0.113.9", "198.51.100.4"): "ip",
    ("Mozilla/5.0 (X11)", "Mozilla/5.0 (Windows)"): "device_id",
    ("DE89 3704 0044 0532 0130 00",): "iban",
    ("4539578763621486", "378282246310005"): "credit_card",
    ("A-1", "B-2"): "none",
}


@pytest.mark.parametrize("values", VALUES, ids=lambda values: values[0])
def test_values_decide_where_the_name_does_not(values: tuple[str, ...]) -> None:
    assert verdict("entries", "entry text", values=values) == VALUES[values]


@pytest.mark.parametrize("value", ["+31 20 7946 0011", "jane@corp.test", "DE89 3704 0044 0532 0130 00"])
def test_a_pattern_of_values_decides_also_against_a_technical_name(value: str) -> None:
    assert verdict("measurements", "x7 text", values=(value,)) != "none"


@pytest.mark.parametrize("values", [("true", "false"), ("0", "1")])
def test_values_contradict_a_name(values: tuple[str, ...]) -> None:
    assert verdict("people", "email text", values=values) == "none"


def test_what_cannot_be_judged_is_for_review() -> None:
    assert verdict("people", "qzx text") == "review"
    assert verdict("people", "qzx text", values=("A1", "B2")) == "none"
    assert verdict("products", "qzx text") == "none"


TYPES = {
    "NVARCHAR2(50)": ("text", 50),
    "character varying(39)": ("text", 39),
    "tinyint(1)": ("boolean", 0),
    "timestamp without time zone": ("date", 0),
    "bigint(20) unsigned": ("number", 0),
    "text[]": ("array", 0),
    "public.color": ("", 0),
}


@pytest.mark.parametrize("type_", TYPES)
def test_a_type_is_read_as_any_database_writes_it(type_: str) -> None:
    kind = read_type(type_)
    assert (kind.family, kind.length) == TYPES[type_]


def test_any_name_type_and_value_is_judged() -> None:
    """Names of words that the lexicon has, of symbols, and of nothing, with types that may not exist."""
    dice = random.Random(18)
    words = [*sorted(LEXICON.words), "1", "%", "é", "名前", "_", "x" * 40]
    types = [
        "",
        "weird(",
        "123",
        "text",
        "int",
        "bytea",
        "jsonb",
        "uuid",
        "date",
        "varchar(2)",
        "text[]",
        "inet",
    ]
    values = ["", "a", "1", "x@y.zz", "((", "Jane Miller", "\x00"]
    for _ in range(3000):
        name = dice.choice(["", "_", "-", " "]).join(dice.choices(words, k=dice.randrange(1, 5)))
        samples = tuple(dice.choices(values, k=dice.randrange(3)))
        column = Column(
            dice.choice(words), name, dice.choice(types), required=dice.random() < 0.5, values=samples
        )
        (judged,) = classify([column])
        assert judged.cls in CLASSES and judged.reason and treatment_for(judged, "id")
