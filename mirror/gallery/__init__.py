"""The gallery: counseling runs as HTML to read. `python -m mirror.gallery results/<run>` writes it."""

from mirror.gallery.index import write_gallery, write_shared_gallery

__all__ = ["write_gallery", "write_shared_gallery"]
