"""Texts in the DOT language of Graphviz."""


def quoted(text: str) -> str:
    """Return untrusted text as a DOT string, with quotes, escapes and entities escaped."""
    lines = text.splitlines() or [""]
    shown = ["".join(c if c.isprintable() else "�" for c in line) for line in lines]
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in shown]
    return '"' + "\\n".join(escaped) + '"'
