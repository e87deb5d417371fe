"""The gallery: a counseling run as HTML to read. `python -m mirror.gallery results/<run>` writes it."""

from mirror.gallery.index import write_gallery
from mirror.gallery.page import gallery_page

__all__ = ["gallery_page", "write_gallery"]
