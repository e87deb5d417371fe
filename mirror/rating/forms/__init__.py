"""Forms on which people rate counseling sessions, blinded: `python -m mirror.rating.forms` writes and imports them."""
