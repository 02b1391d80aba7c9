"""Groups of patterns: what is one pattern and what is two, stable IDs, and globs that match."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.logs.lake.grouping.memory import PatternMemory
from ops.logs.lake.grouping.tree import Group, Groups, group
from ops.logs.lake.patterns import patterns_of

NAMES = ("ada", "bob", "cleo", "dan", "eve", "fay", "gus", "hal")


def groups_of(*messages: str) -> list[Group]:
    """Return the group of each message."""
    masked = patterns_of(pa.array(messages, pa.string())).to_pylist()
    groups = group(masked)
    return [groups[pattern] for pattern in masked]


def texts(*messages: str) -> list[str]:
    return [each.text for each in groups_of(*messages)]


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("took 17ms, then 1.5 s", "took *, then *"),
        ("sent 3,401 bytes (3.3 KB) to 10.1.2.3:443", "sent * to *"),
        ("Lease 6f1e0b52-9a7c-4c0e-beef-abcdefabcdef expired", "Lease * expired"),
        ("link up on aa:bb:cc:dd:ee:ff", "link up on *"),
        ("mail from ada.l@example.org queued", "mail from * queued"),
        ("lookup of db.prod.example.com failed", "lookup of * failed"),
        ("cannot open /etc/app/config.yaml: denied", "cannot open *: denied"),
        ("cannot open C:\\app\\config.yaml: denied", "cannot open *: denied"),
        ('unknown key "color" in theme', 'unknown key "*" in theme'),
        ("since Tue Mar  3 10:11:12 2026", "since *"),
        ("INFO [pool-thread] ready", "INFO [*] ready"),
        ("cache hit= miss=3 warm=true", "cache hit=* miss=* warm=*"),
        ('"GET /a/b?c=1 HTTP/1.1" 200', '"GET *" *'),
        ('{"level":"info","msg":"cart full","user":"ada"}', '{"level":"info","msg":"cart full","user":"*"}'),
        ('level=info msg="cart full"', 'level=info msg="cart full"'),
        ("disk.........7 broken", "disk.........* broken"),
    ],
)
def test_what_is_variable_by_its_form_is_masked(message: str, pattern: str) -> None:
    assert texts(message) == [pattern]


def test_names_become_one_pattern_when_many_occur() -> None:
    assert set(texts(*(f"job of worker {name} is done" for name in NAMES))) == {"job of worker * is done"}
    assert len(set(texts(*(f"job of worker {name} is done" for name in NAMES[:7])))) == 7
    assert set(texts(*(f"login by {name} accepted" for name in NAMES[:3]))) == {"login by * accepted"}
    assert set(texts("load the class org.acme.Cart", "load the class org.acme.Order")) == {"load the class *"}
    assert set(texts(*(f"the trial of plan={name} ends" for name in NAMES[:4]))) == {
        "the trial of plan=* ends"
    }


@pytest.mark.parametrize(
    "messages",
    [
        ("payment accepted", "payment declined", "payment refunded"),
        tuple(f"{verb} the service" for verb in NAMES),  # the first word says what happened
        ("state NEW to READY", "state READY to RUNNING", "state RUNNING to DONE", "state DONE to GONE"),
        ('"GET /a HTTP/1.1" 200', '"POST /a HTTP/1.1" 200'),
        ('{"msg":"cart full"}', '{"msg":"cart empty"}', '{"text":"cart empty"}'),
        ("queue is full", "queue is full again"),
    ],
)
def test_different_events_stay_different_patterns(messages: tuple[str, ...]) -> None:
    assert len({each.id for each in groups_of(*messages)}) == len(messages)


def test_a_stack_trace_is_one_pattern_whatever_its_depth() -> None:
    short = 'Traceback (most recent call last):\n  File "/a.py", line 1, in f\n    g()\nKeyError: 7'
    long = short.replace("KeyError", '  File "/b.py", line 22, in g\n    return h[0]\nKeyError')
    other = short.replace("KeyError", "ValueError")
    java = "java.lang.Exception: x\n\tat a.B.c(B.java:7)\n\t... 3 more\nCaused by: java.io.IOException: y"
    first, second, third, fourth = groups_of(short, long, other, java)
    assert first == second
    assert first.text == "Traceback (most recent call last): * KeyError: *"
    assert len({first.id, third.id}) == 2
    assert fourth.text == "java.lang.Exception: x * Caused by: java.io.IOException: y"


def test_groups_do_not_depend_on_order_and_the_id_only_on_the_text() -> None:
    masked = [f"job of worker {name} is done" for name in NAMES] + ["queue is full"]
    assert group(masked) == group(reversed(masked))
    assert group(masked)["queue is full"].id == group(["queue is full"])["queue is full"].id


def test_a_word_that_became_variable_stays_variable(tmp_path: Path) -> None:
    memory = PatternMemory(tmp_path / "known.json")
    jobs = [f"job of worker {name} is done" for name in NAMES]
    few = memory.group(jobs[:4])
    assert len({each.id for each in few.values()}) == 4
    (many,) = set(memory.group(jobs[4:]).values())  # with the four before, there are eight
    assert many.text == "job of worker * is done"
    assert PatternMemory(memory.path).group([jobs[0], "job of worker zoe is done"]) == {
        jobs[0]: many,
        "job of worker zoe is done": many,
    }
    assert memory.group(["other text"])["other text"].text == "other text"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 0, "groups": [["a"]]}', '{"version": 1}'])
def test_a_damaged_memory_is_made_again(tmp_path: Path, content: str) -> None:
    memory = PatternMemory(tmp_path / "known.json")
    memory.path.write_text(content)
    assert memory.group(["a b"])["a b"].text == "a b"
    assert json.loads(memory.path.read_text())["groups"] == [["a", " b"]]
    assert [path.name for path in tmp_path.iterdir()] == ["known.json"]


def test_without_a_place_to_write_patterns_are_grouped_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert PatternMemory(tmp_path / "file" / "known.json").group(["a b"])["a b"].text == "a b"


def test_lines_that_come_later_join_the_groups_before() -> None:
    groups = Groups()
    groups.add([f"job of worker {name} is done" for name in NAMES])
    assert groups.add(["job of worker zoe is done"]).popitem()[1].text == "job of worker * is done"


PIECES = st.sampled_from(
    [*NAMES[:3], "7", "a1", " ", "  ", "\n", "\t", "=", ":", "(", ")", "()", '"', "'", "/", "/x/y", "\\", "*",
     "?", "-", "..", ",", "@", "é", "GET", "INFO [x] ", "Mar 3 10:11:12", "a.b.com", '{"k":"v"}', "true",
     "10 KB", "\n  at f(x)", "[", "]", "{", "}", "<", ">", "|"]
)  # fmt: skip


@given(st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=12))
def test_the_glob_of_a_group_matches_all_its_patterns(messages: list[str]) -> None:
    masked = patterns_of(pa.array(messages, pa.string())).to_pylist()
    for pattern, found in group(masked).items():
        regex = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in found.glob)
        assert re.fullmatch(regex, pattern, re.DOTALL), found
        assert not re.search(r"[^\w*./?-]", found.glob)


def test_many_patterns_and_long_ones_take_bounded_work() -> None:
    every = [f"{name} {other} {'x' * n}" for n in range(40) for name in NAMES for other in NAMES]
    assert len(group(every)) == len(every)
    assert group(["/" * 100_000])["/" * 100_000].text.endswith("*")
