"""A report as one HTML file that needs nothing else."""

import base64
import hashlib
import re
from importlib import resources

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from results.palette import DARK, DARK_SURFACE, LIGHT, LIGHT_SURFACE
from results.report.model import (
    Downloads,
    Figures,
    Pictures,
    Report,
    Table,
    Verdicts,
    Words,
)

_KINDS = {
    Table: "table", Figures: "figures", Pictures: "pictures", Verdicts: "verdicts", Words: "words",
    Downloads: "downloads",
}  # fmt: skip


# Control characters but tab and newline, controls of the writing direction, halves of surrogate pairs.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class _Templates(BaseLoader):
    """The package's templates, also where the package is not a folder."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, None, None]:
        return _template(template), None, None


def _template(name: str) -> str:
    return (resources.files("results") / "templates" / name).read_text(encoding="utf-8")


def render(report: Report) -> str:
    """Return the page; every text of the report is escaped.

    The page's own policy forbids it any request, and any script but its own, whose hash it names.
    """
    environment = Environment(
        loader=_Templates(),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: _KINDS[type(block)]
    script = _template("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template("report.html.jinja").render(
        report=report,
        # Made by this package alone: no text of a run is in them.
        style=Markup(_template("report.css").replace("/* variant colours */", _colours())),
        script=Markup(script),
        script_hash=Markup(digest),
        raw=Markup,
    )
    return page.lstrip() + "\n"  # macros leave lines before the first one


def _visible(value: object) -> object:
    """Texts of runs with � for what could turn the rest of a line round, or is no character."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNSEEN.sub("\ufffd", value)


def _colours() -> str:
    light = "".join(f"--v{i}:{value};" for i, value in enumerate(LIGHT))
    dark = "".join(f"--v{i}:{value};" for i, value in enumerate(DARK))
    return (
        f":root{{{light}--surface:{LIGHT_SURFACE}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}--surface:{DARK_SURFACE}}}}}\n"
    )
