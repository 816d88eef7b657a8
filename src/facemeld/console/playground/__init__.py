"""What the playground asks of the API, and the same as code in seven languages; plain values, no page."""

from facemeld.console.playground.draft import Draft, FileText, Photo, shortened
from facemeld.console.playground.snippets import SNIPPETS, Recipe

__all__ = ["SNIPPETS", "Draft", "FileText", "Photo", "Recipe", "shortened"]
