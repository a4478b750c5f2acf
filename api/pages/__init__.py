"""The HTML pages and the headers that protect them."""

from api.pages.blueprint import create_pages
from api.pages.headers import secure_headers

__all__ = ["create_pages", "secure_headers"]
