"""Pictures of drawn faces: portraits, scenes, strangers, backgrounds, and what a safety filter refuses."""
