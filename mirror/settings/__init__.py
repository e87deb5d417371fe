"""The base of all settings: where values come from, and how a value is refused. Each stage has its own settings."""
