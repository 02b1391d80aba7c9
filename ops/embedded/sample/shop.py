"""The shop's database as SQL for `psql -f`: tables, rows as COPY, then constraints, triggers, and views.

The same seed results in the same bytes in every process. Only the package's own SQL files are read.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib import resources
from typing import Any, NamedTuple

from ops.embedded.sample import people, traces, trade
from ops.embedded.sample.source import SampleSource

SEED = 20_240_229

# Special characters of COPY's text format: https://www.postgresql.org/docs/16/sql-copy.html
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def shop_sql(seed: int = SEED) -> Iterator[str]:
    """Yield the script in parts; the rows of one table are one part."""
    source = SampleSource(seed)
    yield _script("shop_tables.sql")
    for table, rows in _tables(source):
        yield _copy(table, rows)
    yield _script("shop_constraints.sql")


def _tables(source: SampleSource) -> Iterator[tuple[str, Sequence[NamedTuple]]]:
    customers = people.customers(source)
    addresses = people.addresses(source, customers)
    cards = people.payment_methods(source, customers)
    employees = people.employees(source)
    yield "customers", customers
    yield "addresses", addresses
    yield "payment_methods", cards
    yield "employees", employees
    products = trade.products(source)
    orders = trade.orders(source, addresses, customers)
    items = trade.order_items(source, orders, products)
    yield "categories", trade.categories()
    yield "products", products
    yield "orders", orders
    yield "order_items", items
    yield "payments", trade.payments(source, orders, items, cards, customers)
    yield "reviews", trade.reviews(source, products, customers)
    yield "support_tickets", traces.support_tickets(source, orders, customers, cards, employees)
    yield "newsletter_subscriptions", traces.newsletter_subscriptions(source, customers)
    yield "audit_log", traces.audit_log(source, customers)


def _script(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _copy(table: str, rows: Sequence[NamedTuple]) -> str:
    columns = ", ".join(rows[0]._fields)
    lines = "\n".join("\t".join(map(_field, row)) for row in rows)
    return f"COPY {table} ({columns}) FROM STDIN;\n{lines}\n\\.\n"


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, tuple):
        value = "{" + ",".join(value) + "}"
    return str(value).translate(_ESCAPES)
