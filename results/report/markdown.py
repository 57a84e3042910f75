"""A report as Markdown: the same words and tables, and the figures' values as tables."""

import re

from results.report.model import (
    Block,
    Cell,
    Downloads,
    Figures,
    Pictures,
    Report,
    Table,
    Verdicts,
    Words,
)

_SIGNS = {"good": "✓", "bad": "▼", "even": "≈", "unknown": "?", "": "•"}


def render(report: Report) -> str:
    """Return the text; what could be taken for markup, HTML included, is escaped."""
    lines = [f"# {_text(report.subtitle)}", "", _text(report.title), ""]
    for section in report.sections:
        if section.key == "data":
            continue  # files can't lie inside a Markdown file
        lines += [f"## {_text(section.title)}", ""]
        for lead in section.lead:
            lines += [_text(lead), ""]
        for block in section.blocks:
            lines += _block(block)
    if report.left_out:
        lines += ["## What is not in this report", ""]
        lines += [f"- **{_text(part.title)}**: {_text(part.why)}" for part in report.left_out]
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Block) -> list[str]:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Figures):
        lines = []
        for figure in block.figures:
            lines += [f"### {_text(figure.title)}", "", _text(figure.description), ""]
            lines += _table(figure.table, caption=False) if figure.table else []
        return [*lines, *_notes(block.notes)]
    if isinstance(block, Pictures):
        shown = [strip.title for strip in block.strips if strip.frames]
        return [f"{_text(block.title)}: {_text('; '.join(shown))}. The HTML report shows them.", ""]
    if isinstance(block, Verdicts):
        lines = [f"### {_text(block.title)}", ""]
        for number, lead in enumerate(block.lead):
            lines += [f"**{_text(lead)}**" if number == 0 else _text(lead), ""]
        for verdict in block.verdicts:
            small = f" ({_text(verdict.evidence)})" if verdict.evidence else ""
            lines.append(f"- {_SIGNS[verdict.tone]} {_text(verdict.words)}{small}")
        return [*lines, "", *_notes(block.notes)]
    if isinstance(block, Words):
        lines = [f"### {_text(block.title)}", ""] if block.title else []
        for paragraph in block.paragraphs:
            lines += [_text(paragraph), ""]
        for code in block.code:
            lines += [_code(code), ""]
        return lines
    assert isinstance(block, Downloads)
    return []


def _table(table: Table, *, caption: bool = True) -> list[str]:
    lines = [f"**{_text(table.caption)}**", ""] if caption else []
    heads = [_text(f"{c.title} ({c.note})" if c.note else c.title) for c in table.columns]
    lines.append("| " + " | ".join(heads) + " |")
    lines.append("|" + "|".join("---:" if column.number else "---" for column in table.columns) + "|")
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
    return [*lines, "", *_notes(table.notes)]


def _cell(cell: Cell) -> str:
    text = _text(f"{cell.text} {cell.note}".strip())
    return f"**{text}**" if cell.strong and text else text


def _notes(notes: tuple[str, ...]) -> list[str]:
    return [line for note in notes for line in (_text(note), "")]


def _text(text: str) -> str:
    one_line = " ".join(text.split())
    safe = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", safe)


def _code(code: str) -> str:
    """A fenced block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{code}\n{fence}"
