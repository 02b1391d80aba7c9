"""Log text that tries to be more than text: HTML, Markdown, LaTeX, terminal escapes, directions, formulas."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

BREAKOUT = """"><img src=x onerror="window.pwned=1">"""
MESSAGES = (
    "<script>window.pwned=1</script>",
    f"ERROR {BREAKOUT}",
    '<a href="javascript:window.pwned=1">click</a><iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
    "**bold** [link](javascript:window.pwned=1) ![picture](http://evil.example/x.png) `code`",
    "$\\frac{1}{2}$ $$\\int x$$ costs $5 and $6",
    ":red[alarm] :material/home: :smile: :rainbow-background[x]",
    "\x1b]0;title\x07\x1b[31mred\x1b[0m\x1b[2J\x1b]8;;http://evil.example\x07x\x1b]8;;\x07 \x9b1m \x08\x7f",
    "user \u202egnp.exe\u202c \u2066x\u2069 \u200b\u200f\ufeff end",
    "=cmd|' /C calc'!A0",
    "+1+2",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    '{"<b>k</b>": "<img src=x onerror=window.pwned=1>", "__proto__": {"polluted": 1}, "n": ["</script>"]}',
    "WARN {{7*7}} ${7*7} <%= 7*7 %>",
)
GROUP = "/app/<img src=x onerror=window.pwned=1>:red[g] $x$ \u202e"
STREAM = '=HYPERLINK("http://evil.example") <svg onload=window.pwned=1> \x1b[31m'
TEMPLATE_GROUP = "=cmd <b>group</b>"


def lines(account: str, region: str, now: datetime) -> tuple[str, str]:
    """Folder of the hour and an object's text, in the export's JSON lines: of an hour ago."""
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    folder = f"json/account={account}/region={region}/date={hour:%Y-%m-%d}/hour={hour:%H}/"
    events = [
        {
            "account": account,
            "region": region,
            "group": GROUP if number % 2 else TEMPLATE_GROUP,
            "stream": STREAM,
            "timestamp": round((hour + timedelta(seconds=number)).timestamp() * 1000),
            "id": f"hostile-{number}",
            "message": message,
        }
        for number, message in enumerate(MESSAGES)
    ]
    return folder, "".join(json.dumps(event) + "\n" for event in events)


def put(s3: Any, bucket: str, account: str, region: str) -> None:
    """A dataset of them in a new bucket."""
    folder, text = lines(account, region, datetime.now(UTC))
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_object(Bucket=bucket, Key=f"{folder}1.json", Body=text.encode())
