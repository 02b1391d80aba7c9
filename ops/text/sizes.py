"""Formats sizes in decimal units, as AWS's consoles and price lists do."""

UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3))


def size(number: int) -> str:
    """Format a number of bytes: `512 B`, `1.5 MB`, `1,200 TB`."""
    for unit, factor in UNITS:
        if number >= 0.9995 * factor:  # what would be rounded to 1,000 of the unit below
            amount = number / factor
            return f"{amount:,.0f} {unit}" if amount >= 99.95 else f"{amount:.3g} {unit}"
    return f"{number} B"
