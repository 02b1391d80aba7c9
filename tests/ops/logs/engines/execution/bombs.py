"""Queries that take all memory, disk, or time that they are given."""

MEMORY = [
    "SELECT range(1000000000) AS x FROM range(50)",
    "SELECT repeat('x', 1000000000) AS x FROM range(50)",
    "SELECT list(range) FROM range(1000000000)",
    "SELECT string_agg(repeat('x', 1000), '') FROM range(100000000)",
    "SELECT max(length(repeat(message, 100000000))) FROM events",
    "SELECT repeat('x', 1000000) AS x FROM range(3000)",
    "WITH RECURSIVE t AS (SELECT 'x' AS x UNION ALL SELECT x || x FROM t) SELECT count(*) FROM t",
    "SELECT list_aggregate(list_transform(range(10000000), lambda x: repeat('z', 1000)), 'string_agg', '')",
    "SELECT lpad('', 2000000000, 'x') AS x",
    "SELECT array_agg(a.range || repeat('y', 100)) FROM range(100000000) a",
    "SELECT map_from_entries([(i, repeat('v', 1000)) FOR i IN range(10000000)])",
    "SELECT printf('%1000000000d', 1) AS x",
]
TIME = [
    "SELECT count(*) FROM range(10000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3",
    "SELECT count(*) FROM events a, events b, events c, events d, events e, events f, range(100000000) g",
    "SELECT max(regexp_replace(repeat('ab', 100000), '(a|b)*c', 'x', 'g')) FROM range(10000000)",
    "SELECT max(levenshtein(repeat('a', 50000), repeat('b', 50000 + range::INT))) FROM range(1000)",
    "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x % 10 + 1 FROM t) SELECT count(*) FROM t",
    "SELECT count(DISTINCT a.range * b.range) FROM range(10000000) a, range(10000) b",
    "SELECT max(list_sum(list_transform(range(1000000), lambda x: x * range % 7))) FROM range(100000)",
    "SELECT a.range, b.range FROM range(10000000) a, range(10000000) b ORDER BY a.range * b.range % 1000003",
]
BOMBS = [*MEMORY, *TIME]
