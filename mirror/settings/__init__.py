"""The base class of all settings. Each stage defines its own settings in its folder."""
