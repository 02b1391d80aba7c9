"""Lambda sources: one self-contained file each with one `handler`; read as text, never imported."""
