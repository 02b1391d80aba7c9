"""Where a line's level is written: one ordered table of rules for Python, DuckDB, and Athena.

A rule's regular expression (RE2, without lookaround) captures a token, which `LEVEL_OF` maps to a level. The
first rule that matches decides. A rule reads the `whole` line, or its `body`: the text inside of a
container's or collector's wrapper. The expressions treat a digit and the mask of a message pattern alike,
except for those of NEEDS_DIGITS, so that a pattern has the level of its messages.

Sources: RFC 5424 (severities), OpenTelemetry's log data model (severity numbers), and the documentation of
pino, Bunyan, Python's logging, Logback, GELF, Serilog, klog, Android's logcat, MongoDB, and PostgreSQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
RULES_VERSION = (
    2  # increase it when a line can get another level: the levels of older parts are determined again
)
HEAD = 8192  # characters at the start of a message in which its level is searched
NONE = "-"  # the token of a rule that decides that there is no level

_WORDS = {
    "FATAL": "fatal error|fatal|critical|crit|crt|alert|emergency|emerg|panic|ftl|fata|pani",
    "ERROR": "error|err|eror|erro|severe",
    "WARN": "warning|warn|wrn",
    "INFO": "informational|information|info|inf|notice",
    "DEBUG": "debug|dbg|dbug|debu",
    "TRACE": "trace|trce|trc|trac|verbose|vrb|silly",
}
# Everyday words: levels only in brackets, in capitals, or as a value.
_STRICT = {
    "INFO": "note|success",
    "DEBUG": "fine",
    "TRACE": "finest|finer",
    "WARN": "deprecated",
    "ERROR": "failure",
}
_LETTERS = {"FATAL": "fac", "ERROR": "e", "WARN": "w", "INFO": "in", "DEBUG": "d", "TRACE": "vt"}
_SYSLOG = ("FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG")  # RFC 5424, severities 0–7


def _level_of() -> dict[str, str]:
    tokens = {
        word: level
        for by_level in (_WORDS, _STRICT)
        for level, words in by_level.items()
        for word in words.split("|")
    }
    tokens |= {f"1{letter}": level for level, letters in _LETTERS.items() for letter in letters}
    tokens |= {f"syslog{number}": level for number, level in enumerate(_SYSLOG)}
    tokens |= {f"pino{10 * n}": level for n, level in enumerate(LEVELS, 1)}
    tokens |= {f"otel{n}": LEVELS[(n - 1) // 4] for n in range(1, 25)}
    tokens |= {f"python{10 * n}": level for n, level in enumerate(LEVELS[1:], 1)}
    tokens |= {f"logback{n}0000": level for n, level in enumerate(LEVELS[1:5], 1)} | {"logback5000": "TRACE"}
    tokens |= {f"azure{n}": level for n, level in enumerate(("TRACE", *LEVELS[2:]))}
    windows = ("INFO", "FATAL", "ERROR", "WARN", "INFO", "TRACE")
    tokens |= {f"windows{n}": level for n, level in enumerate(windows)}
    tokens |= {"redis.": "DEBUG", "redis-": "TRACE", "redis*": "INFO", "redis#": "WARN"}
    tokens |= {"err!": "ERROR", "fail": "ERROR", "parse error": "ERROR", "log": "INFO", "config": "DEBUG"}
    return tokens


LEVEL_OF: Mapping[str, str] = _level_of()


@dataclass(frozen=True)
class Rule:
    """One place where a level is written.

    `regex` has the group `token`, unless the rule has a fixed `token`. `needs` is a second expression that
    the text must match. The token is looked up in LEVEL_OF after `kind` (`otel17`).
    """

    name: str
    regex: str
    text: str = "body"
    needs: str = ""
    kind: str = ""
    token: str = ""
    octal: bool = False  # only the last three bits of the number are the severity


_COMMON = "|".join(_WORDS.values())
_ANY = "|".join((_COMMON, *_STRICT.values()))
_UPPER = "|".join(word for word in _ANY.upper().split("|") if word not in ("NOTE", "DEPRECATED"))
_D = "[0-9*]"
_FACILITY = "kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7*]"
_STRING = r'"(?:[^"\\]|\\[\s\S])*"'
_FLAT = rf'[{{\[](?:[^{{}}\[\]"]|{_STRING})*[}}\]]'
_DEEP = rf'[{{\[](?:[^{{}}\[\]"]|{_STRING}|{_FLAT})*[}}\]]'
_DEEPER = rf'[{{\[](?:[^{{}}\[\]"]|{_STRING}|{_DEEP})*[}}\]]'
for _ in range(3):
    _DEEPER = rf'[{{\[](?:[^{{}}\[\]"]|{_STRING}|{_DEEPER})*[}}\]]'
_TOP = rf'\{{(?:[^{{}}\[\]"]|{_STRING}|{_DEEPER})*?'  # from a brace to a key of that object
_KEYS = (
    r"(?i:level|lvl|severity|sev|levelname|level_name|loglevel|log[._-]level|@level|@l|l|severity_?text|"
    r"severity_?label|leveldisplayname)"
)
_WORD = rf'(?:\{{[^{{}}]*?"name"\s*:\s*)?"\s*(?P<token>(?i:{_ANY}))(?:[+-]?{_D}+)?\s*"'
_INSIDE = (
    r"(?:log|log_processed|record|message|msg|body|event|fields|data|payload|jsonPayload|json|parsed|"
    r"syslog|winlog)"
)
# Tokens before the level: times, numbers, names with punctuation, brackets. Each begins differently, so that
# an engine that backtracks has one way to match.
_HEAD = (
    r'(?:[A-Za-z]+[0-9*._/$#@:,+\[(-][^\s"{}=\\]*(?:[\s|]|\\t)+'
    r'|[0-9*._/$#@:,+-][^\s"{}=\[|\\]*(?:[\s|]|\\t)+'
    r"|\[[^\]\n]*\]:?[\s|]*|\([^)\n]*\)\s*|<[^>\n]*>\s*|\|\s*"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+[0-9*]+\s+[0-9*:.]+\s+[^\s]+\s+"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s+"
    r"|(?:UTC|GMT|AM|PM|CET|CEST|EST|EDT|PST|PDT|RAS|KERNEL|APP|HARDWARE|MMCS|DISCOVERY|LINKCARD|MONITOR|BGLMASTER|"
    r"CMCS|NULL|SERV_NET|PHP)"
    r">?(?:[\s|]|\\t)+"
    rf"|[A-Z]+ {_D}+ {_D}+\.{_D}+\.{_D}+\s+"
    r"|[a-z]+\s+\|\s*"
    r"|(?:main|undefined|npm|root)(?:\s|\\t)+"
    r"|(?:pid|tid|class|jid|thread|(?:[a-z]+_)?id)=[^\s\"{}=]+\s+|\{[^}\"\n:]*:[0-9*]+\}\s*)"
)
_OPEN = rf"(?:[\[(<]\s*(?:{_D}[^\s\]]*\s+)*|\[[a-z_0-9*]+:|[A-Za-z_-]+\.|)"
_TIME = rf"\[?{_D}+[-/:.T][^\s\"]*\s+"
_PLAIN = "errors?|err|warnings?|fatal|debug|trace|verbose"
_NOTHING = r"none|null|nil|no|false|true|on|off|yes|[0-9*]+|[0-9a-f*]{16,}"
_NOUNS = (
    "count|rate|ratio|budget|codes?|pages?|mode|handlers?|handling|logging|reporting|tracking|free|ids?|flag|"
    "level|logs?|desk|messages?|boundary"
)

ESCAPES = r"(?:\x1b|\\u(?:001|\*)[bB])\[[0-9;*]*[A-Za-z]"  # ANSI, also as JSON writes it
# The wrapper around a body: of containerd, and of JSON up to the text in it.
WRAPPER = (
    rf"^(?:{_D}[^\s]*\s(?:stdout|stderr)\s[FP]\s)?"
    r'(?:\s*\{(?:[\s\S]*?[,{]\s*)?"(?:log|message|msg|MESSAGE|Message|textPayload|line|text|body|event)"'
    r'\s*:\s*"\s*)?'
)

RULES = (
    Rule("json", rf'^[^{{]*{_TOP}"{_KEYS}"\s*:\s*{_WORD}', "whole"),
    Rule("otel", r'"(?i:severity_?number)"\s*:\s*"?(?P<token>[0-9]{1,2})\b', "whole", kind="otel"),
    Rule("otel", rf'"(?i:severity_?number)"\s*:\s*"SEVERITY_NUMBER_(?P<token>(?i:{_ANY}))', "whole"),
    Rule("mongodb", rf'{_TOP}"s"\s*:\s*"(?P<token>[DIWEF]){_D}?"', "whole", needs=r'"c"\s*:', kind="1"),
    Rule("gelf", rf'{_TOP}"level"\s*:\s*"?(?P<token>[0-7])\b', "whole", '"short_message"', kind="syslog"),
    Rule(
        "pino",
        rf'^[^{{]*{_TOP}"(?:level|lvl)"\s*:\s*"?(?P<token>[1-6]0)\b',
        "whole",
        needs=r'"(?:time|msg|pid|hostname|message|timestamp|ts)"\s*:',
        kind="pino",
    ),
    Rule("journald", r'"PRIORITY"\s*:\s*"?(?P<token>[0-7])\b', "whole", kind="syslog"),
    Rule(
        "syslog",
        r'"(?:severity|severity_?code)"\s*:\s*"?(?P<token>[0-7])\b',
        "whole",
        needs=r'"(?:facility|host|hostname|appname|program|procid|pri)"\s*:',
        kind="syslog",
    ),
    Rule(
        "json letter",
        rf'^[^{{]*{_TOP}"(?:level|lvl|severity|sev)"\s*:\s*"(?P<token>[EWIDFT])"',
        "whole",
        kind="1",
    ),
    Rule("python", r'"levelno"\s*:\s*"?(?P<token>[1-5]0)\b', "whole", kind="python"),
    Rule(
        "logback",
        r'"(?:level_value|levelValue)"\s*:\s*"?(?P<token>[1-4]0000|5000)\b',
        "whole",
        kind="logback",
    ),
    Rule("azure", r'"severityLevel"\s*:\s*"?(?P<token>[0-4])\b', "whole", kind="azure"),
    Rule(
        "windows",
        rf'{_TOP}"[lL]evel"\s*:\s*"?(?P<token>[0-5])\b',
        "whole",
        needs=r'"(?:EventI[Dd]|event_id|ProviderName)"\s*:',
        kind="windows",
    ),
    Rule("windows", r"<Level>(?P<token>[0-5])</Level>", "whole", kind="windows"),
    Rule("json inside", rf'^[^{{]*{_TOP}"{_INSIDE}"\s*:\s*{_TOP}"{_KEYS}"\s*:\s*{_WORD}', "whole"),
    Rule("json in a string", rf'\\+"{_KEYS}\\+"\s*:\s*\\+"(?P<token>(?i:{_ANY}))\\+"', "whole"),
    Rule("pino in a string", r'\\+"level\\+"\s*:\s*(?P<token>[1-6]0)\b', "whole", kind="pino"),
    Rule(
        "object",
        rf"[{{,]\s*'?(?i:level|lvl|severity|levelname|loglevel)'?\s*:\s*'(?P<token>(?i:{_ANY}))'",
        "whole",
    ),
    Rule("json inside", rf'"(?i:severity_?text|log\.level|levelname)"\s*:\s*{_WORD}', "whole"),
    Rule(
        "lambda",
        r'"type"\s*:\s*"platform\.[a-zA-Z]+"[\s\S]*"status"\s*:\s*"(?:error|failure|timeout)"',
        "whole",
        token="error",
    ),
    Rule("lambda", r"^REPORT RequestId: [\s\S]*Status: (?:error|timeout)", token="error"),
    Rule("exception", r'"errorType"\s*:', "whole", needs=r'"(?:stackTrace|trace|stack)"\s*:', token="error"),
    Rule("klog", r"^(?P<token>[IWEFD])[0-9]{4,8} [0-9:.]+\s+[0-9]+ [^\s\]]+:[0-9]+\]", kind="1"),
    Rule("syslog", r"^<(?P<token>1[0-8][0-9]|19[01]|[0-9]{1,2})>", kind="syslog", octal=True),
    Rule("android", rf"^(?:{_D}+-)?{_D}+-{_D}+ [0-9*:.]+\s+{_D}+\s+{_D}+ (?P<token>[VDIWEFA]) ", kind="1"),
    Rule(
        "android", rf"^(?:{_D}+-{_D}+ [0-9*:.]+ )?(?P<token>[VDIWEFA])/[^(\n]{{1,60}}\(\s*{_D}+\):", kind="1"
    ),
    Rule(
        "android",
        rf"^(?:{_D}+-)?{_D}+-{_D}+ [0-9*:.]+\s+{_D}+-{_D}+\s+[^\s]+\s+[^\s]+\s+(?P<token>[VDIWEFA])\s",
        kind="1",
    ),
    Rule("telegraf", rf"^{_D}[^\s]* (?P<token>[EWID])! ", kind="1"),
    Rule("cisco", r"%[A-Z][A-Z0-9_]*-(?P<token>[0-7])-[A-Z0-9_]+:", kind="syslog"),
    Rule("tornado", rf"^\[(?P<token>[EWIDC]) {_D}", kind="1"),
    Rule("websphere", r"^\[[^\]]*\] [0-9a-f*]+ [^\s]+\s+(?P<token>[EWIF])\s", kind="1"),
    Rule("apt", r"^(?P<token>[EWN]): ", kind="1"),
    Rule("etcd", rf"^{_D}[^\s]* {_D}[^\s]* (?P<token>[CEWNID]) \| ", kind="1"),
    Rule("redis", rf"^{_D}+:[A-Z] {_D}+ [A-Z][a-z]+ {_D}+ {_D}[^\s]* (?P<token>[.*#-]) ", kind="redis"),
    Rule("logrus", rf"^(?P<token>ERRO|INFO|WARN|FATA|PANI|DEBU|TRAC)\[{_D}+\]"),
    Rule("npm", r"^npm (?P<token>ERR!|WARN|error|warn|notice)\s"),
    Rule("node", rf"^\(node:{_D}+\)\s+(?:\[[^\]]*\]\s+)?[A-Za-z]*(?P<token>Warning):"),
    Rule("python", rf"^(?:<[a-z]+>|[^\s]+\.py):{_D}+: [A-Za-z]*(?P<token>Warning):"),
    Rule("erlang", r"^=(?P<token>ERROR|WARNING|INFO) REPORT="),
    Rule("dotnet", r"^(?:[0-9*][^\s]*\t[^\s]*\t)?(?P<token>fail|crit|warn|info|dbug|trce)(?:: |\t)"),
    Rule(
        "postgresql",
        rf"^[^\"]{{0,200}}?(?:^|[\s:\]])(?P<token>DEBUG|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC){_D}?:  ",
    ),
    Rule("none", r"(?:^|[\s\]])(?:STATEMENT|DETAIL|HINT|CONTEXT|QUERY):  ", token=NONE),
    Rule("none", rf"^(?:{_TIME})*(?i:{_PLAIN})\s*[:=]\s*(?i:{_NOTHING})(?:[\s,;.]|$)", token=NONE),
    Rule("exception", rf"^(?:{_TIME})*(?:http: )?panic(?: serving [^\s]+)?: ", token="error"),
    Rule("word", rf"^{_HEAD}*?{_OPEN}(?P<token>{_UPPER})(?:[\s:|\],/)\[!(]|>[\s:]|\\|$)"),
    Rule(
        "word",
        rf"^{_HEAD}*?[\[(<|]\s*(?:{_D}[^\s\]]*\s+)*(?:[a-z_0-9*]*:)?(?P<token>(?i:{_ANY}))\s*(?:[\])|]|>[\s:])",
    ),
    Rule("letter", rf"^{_HEAD}*?\[(?P<token>[EWIDFT])\]\s", kind="1"),
    Rule("csv", rf"^{_D}[^\",\n]*,(?:[^\",\n]*,){{0,3}}?(?P<token>{_UPPER}),"),
    Rule("logread", rf"^{_HEAD}*?(?:{_FACILITY})\.(?P<token>(?i:{_COMMON}))\s"),
    Rule("word", rf"^{_HEAD}*?(?P<token>(?i:{_COMMON}))(?:\s?:(?:\s|\\|$)|\t|\\t|  )"),
    Rule("word", rf"^{_HEAD}*?PHP (?P<token>Notice|Deprecated|Parse error): +"),
    Rule("word", rf"^(?P<token>Information|Warning|Error|Critical|Verbose)\s+{_D}+/{_D}+/{_D}+\s"),
    Rule("none", rf"^(?:{_TIME})*(?i:{_PLAIN}|info) (?i:{_NOUNS})\b", token=NONE),
    Rule("word", rf"^(?:{_TIME})+(?P<token>{_COMMON})\s"),
    Rule("none", r"(?i:where|and|or|set|with|to|use|using|filter)\s+(?:log_?)?level\s*=", token=NONE),
    Rule(
        "logfmt",
        r'^(?:[^"\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*")*?(?:^at|(?:^|[\s,;({|\[])'
        r"(?:(?i:level|lvl|severity|sev|levelname|loglevel)|log[._-][lL]evel))="
        rf"\\*[\"']?(?P<token>(?i:{_ANY}))(?:[+-]{_D}+)?(?:[\"'\s,;)}}|\]\\]|$)",
    ),
    Rule("label", rf"^(?i:level|severity|loglevel)\s*:\s*(?P<token>(?i:{_ANY}))\b"),
    Rule("java", r"^[^\n]*(?:\n|\\n)(?P<token>SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): "),
    Rule("lambda", r"(?:^|\s)Task timed out after [0-9.*]+ seconds", token="error"),
    Rule(
        "sentence",
        rf"^{_HEAD}*?(?P<token>(?i:error)) (?:while|when|in|on|at|during|from|for|trying|[a-z]+ing)\b",
    ),
    Rule(
        "exception",
        rf"^{_HEAD}*?(?:Caused by: |Uncaught |Unhandled exception\. |Exception in thread [^\s]+ )?"
        r"(?:[A-Za-z_$][A-Za-z0-9_$*]*\.)*(?:[A-Z][A-Za-z0-9_*]*)?(?:Error|Exception)(?::|\s*$|\n|\\n)",
        token="error",
    ),
    Rule(
        "exception",
        rf"^{_HEAD}*?(?i:unhandled|uncaught) (?i:exception|error|promise rejection|rejection)\b",
        token="error",
    ),
    Rule("exception", r"(?:^|\s|\\n)Traceback \(most recent call last\)", token="error"),
    Rule("exception", r"(?:\n|\\n)(?:\s|\\t)*at [A-Za-z0-9_.$<>/*]+ ?\(", token="error"),
    Rule("exception", r"^thread '[^']*' (?:\([0-9*]+\) )?panicked at ", token="error"),
    Rule("exception", rf"^goroutine {_D}+ \[", token="error"),
    Rule("kernel", r"Kernel panic - not syncing", token="panic"),
)
# Patterns whose level depends on digits, which are masked in them: these rules read the message itself.
_NUMBERED = (
    r"(?i:level|lvl|levelno|level_?value|severity|severity_?code|severity_?number|severitylevel|priority)"
)
NEEDS_DIGITS = (
    rf'{_NUMBERED}\\*"\s*:\s*"?\*|"s"\s*:\s*"\*"|<Level>\*|(?:^|[\s"])<\*>|%[A-Z][A-Z0-9_*]*-\*-'
    r'|(?:^|[\s"])[IW]?\* \*:\*:\*\.\*\s+\*\s+[^\s\]]+:\*\]'
)
# The digits that these rules read: messages with the same pattern and the same of these have one level.
DIGITS = (
    rf'{_NUMBERED}\\*"\s*:\s*"?[0-9]+|"s"\s*:\s*"[A-Z][0-9]"|<Level>[0-9]+|<[0-9]{{1,3}}>|%[A-Z][A-Z0-9_]*-[0-9]-'
    r"|\b[IWEFD][0-9]{4,8} "
)
