"""Records in the log of a Lambda function: one JSON object a line."""

import json


def log(level: str, message: str, **fields: object) -> None:
    """Write a record. The level comes first, where a log search finds it in long records too."""
    print(json.dumps({"level": level, "message": message, **fields}))
