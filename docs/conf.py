"""How Sphinx makes a site of these pages: `make docs`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

FILES = "https://github.com/ORG/cookiecutter-flask-store/blob/main/"
# Files beside this folder that a page includes.
INCLUDED = {"CHANGELOG.md": "changelog"}

project = "cookiecutter-flask-store"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = project
html_favicon = "icon.svg"
html_copy_source = False
html_show_copyright = False
html_use_index = False


class LinksOutOfTheSite(SphinxTransform):
    """Lets links lead out of this folder, as they do where GitHub shows the same pages.

    A link to a file beside this folder leads to that file on GitHub, or to the page that includes
    it. It runs first, as Sphinx would copy such files.
    """

    default_priority = 1

    def apply(self, **_: Any) -> None:
        """Replace such links of a page."""
        template = Path(self.env.srcdir).parent
        page = Path(self.env.doc2path(self.env.docname))
        # The links of an included file start where that file is.
        start = template if self.env.docname in INCLUDED.values() else page.parent
        for link in list(self._links()):
            target, fragment = _target(link)
            file = Path(os.path.normpath(start / target))
            if file.is_file() and not file.is_relative_to(self.env.srcdir):
                self._lead_to(link, file.relative_to(template).as_posix(), fragment)

    def _links(self) -> Iterator[nodes.Element]:
        for kind in (pending_xref, download_reference):
            yield from (link for link in self.document.findall(kind) if link["reftype"] == "myst")

    def _lead_to(self, link: nodes.Element, name: str, fragment: str) -> None:
        if name in INCLUDED:
            link["reftarget"] = INCLUDED[name]
        else:
            address = f"{FILES}{quote(name)}{fragment and '#'}{fragment}"
            link.replace_self(nodes.reference("", "", *link.children, refuri=address))


def _target(link: nodes.Element) -> tuple[str, str]:
    """The path and the fragment that a link names."""
    if link["refdomain"] == "doc":  # MyST has found a page, and taken its ending away
        return f"{link['reftarget']}.md", link["reftargetid"] or ""
    path, _, fragment = link["reftarget"].partition("#")
    return path, fragment


def setup(app: Sphinx) -> None:
    """Let Sphinx know what is this site's own."""
    app.add_transform(LinksOutOfTheSite)
