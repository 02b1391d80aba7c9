"""What the pages share: entry point, session, components, charts."""
