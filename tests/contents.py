"""Read the whole contents of a database, to search them for personal data."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql

COLUMNS = """
    SELECT relname, relkind::text, array_agg(attname::text ORDER BY attnum)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')
    GROUP BY relname, relkind"""
STATISTICS = """
    SELECT concat_ws(' ', most_common_vals, histogram_bounds, most_common_elems)
    FROM pg_stats WHERE schemaname = 'public'"""
PERSONAL = {
    "e-mails": """SELECT email FROM customers UNION SELECT email FROM employees
                  UNION SELECT email FROM newsletter_subscriptions""",
    "names": """SELECT first_name || ' ' || last_name FROM customers
                UNION SELECT first_name || ' ' || last_name FROM employees""",
    "phones": "SELECT phone FROM customers WHERE phone <> '' UNION SELECT phone FROM employees",
    "cards": "SELECT card_number FROM payment_methods",
    "card fingerprints": "SELECT fingerprint FROM payment_methods",
    "password hashes": "SELECT password_hash FROM customers UNION SELECT password_hash FROM employees",
    "ticket notes": "SELECT notes FROM support_tickets",
    "ticket subjects": "SELECT subject FROM support_tickets",
    "delivery notes": "SELECT delivery_note FROM orders WHERE delivery_note <> ''",
    "review texts": "SELECT body FROM reviews",
    "streets": "SELECT street FROM addresses",
    "nicknames": "SELECT marketing ->> 'nickname' FROM customers WHERE marketing ? 'nickname'",
    "network addresses": "SELECT host(ip) FROM orders UNION SELECT host(ip) FROM audit_log",
    "browsers": "SELECT details #>> '{session,user_agent}' FROM audit_log",
    "payment references": "SELECT reference FROM payments",
}


@dataclass(frozen=True)
class Contents:
    """The contents of a database: all values of tables and views, and the planner's statistics."""

    text: str
    counts: dict[str, int]

    def found(self, originals: Iterable[str]) -> set[str]:
        """Return the originals that occur anywhere, in any case, also as part of other text."""
        originals = {original.casefold() for original in originals}
        size = min(map(len, originals))
        by_head = defaultdict(list)
        for original in originals:
            by_head[original[:size]].append(original)
        return {
            original
            for place in range(len(self.text) - size + 1)
            for original in by_head.get(self.text[place : place + size], ())
            if self.text.startswith(original, place)
        }

    def compact(self) -> "Contents":
        """Return the contents without separators between groups of digits."""
        return Contents(re.sub(r"(?<=\d)[ -](?=\d)", "", self.text), self.counts)


def _text(connection: psycopg.Connection, relation: str, columns: list[str]) -> str:
    fields = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns)
    rows = connection.execute(
        sql.SQL("SELECT concat_ws(' ', {}) FROM {}").format(fields, sql.Identifier(relation))
    )
    return "\n".join(row for (row,) in rows)


def count_rows(connection: psycopg.Connection, table: str) -> int:
    found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert found is not None
    return int(found[0])


def read_contents(connection: psycopg.Connection) -> Contents:
    relations = connection.execute(COLUMNS).fetchall()
    text = [_text(connection, name, columns) for name, _, columns in relations]
    text += [statistics for (statistics,) in connection.execute(STATISTICS)]
    counts = {name: count_rows(connection, name) for name, kind, _ in relations if kind == "r"}
    return Contents("\n".join(text).casefold(), counts)


def values(connection: psycopg.Connection, query: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(query.encode())]
