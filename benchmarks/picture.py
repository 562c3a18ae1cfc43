"""What all pictures have: SVG, to be read on a light and on a dark background."""

from collections.abc import Iterable
from html import escape

WIDTH = 900
_LIGHT = """
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
    .title { font-size: 17px; font-weight: 600 }
    .name { font-size: 14px; font-weight: 600 }
    .small { font-size: 12px; fill: #59636e }
    .paper { fill: #ffffff }
    .grid { stroke: #d1d9e0; stroke-width: 1 }
"""
_DARK = """
      text { fill: #f0f6fc }
      .small { fill: #9198a1 }
      .paper { fill: #0d1117 }
      .grid { stroke: #3d444d }
"""


def picture(title: str, left: int, height: int, parts: Iterable[str], light: str, dark: str) -> str:
    """The text of an SVG file.

    Args:
        title: What stands above.
        left: Where it begins.
        height: How high the picture is.
        parts: What is drawn below.
        light: The style of the parts.
        dark: What is different in it on a dark background.
    """
    style = f"{_LIGHT}{light}    @media (prefers-color-scheme: dark) {{{_DARK}{dark}    }}\n"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            text(left, 30, title, "title"),
            *parts,
            "</svg>",
            "",
        ]
    )


def text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
