"""The gallery: a counseling run as one HTML file to read. `python -m mirror.gallery results/<run>` writes it."""

from mirror.gallery.page import gallery_page, write_gallery

__all__ = ["gallery_page", "write_gallery"]
