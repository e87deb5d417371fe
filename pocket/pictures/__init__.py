"""Training pictures of drawn faces: portraits, scenes, backgrounds, unsafe pictures, and their augmentation."""
