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
        for link in list(self._links()):
            file = Path(os.path.normpath(self._folder() / link["reftarget"]))
            if isinstance(link, pending_xref):  # a page, whose ending MyST takes away
                file = file.with_name(f"{file.name}.md")
            if file.is_relative_to(self.env.srcdir) or not file.is_file():
                continue
            name = file.relative_to(template).as_posix()
            if name in INCLUDED:
                link["reftarget"] = INCLUDED[name]
                continue
            fragment = f"#{link['reftargetid']}" if link.get("reftargetid") else ""
            address = FILES + quote(name) + fragment
            link.replace_self(nodes.reference("", "", *link.children, refuri=address))

    def _folder(self) -> Path:
        return Path(self.env.doc2path(self.env.docname)).parent

    def _links(self) -> Iterator[nodes.Element]:
        for kind in (pending_xref, download_reference):
            yield from (link for link in self.document.findall(kind) if link["reftype"] == "myst")


def setup(app: Sphinx) -> None:
    """Let Sphinx know what is this site's own."""
    app.add_transform(LinksOutOfTheSite)
