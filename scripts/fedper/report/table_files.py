"""A table as files: CSV for programs; Markdown, LaTeX (booktabs) and HTML for readers."""

import html
import json
import re
from pathlib import Path

import pandas as pd

from fedper.files import write_text
from fedper.report.tables import Table

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px/1.45 sans-serif; margin: 1.5em; max-width: 75em; }}
table {{ border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; }}
th {{ text-align: left; border-bottom: 1px solid; }}
th, td {{ padding: 3px 10px 3px 0; vertical-align: top; }}
</style></head><body>
{body}
</body></html>
"""


def write_table(table: Table, note: str, stem: Path) -> None:
    """Write ``stem``.csv with all digits; .md, .tex and .html for reading; .json for the report.

    note: what data and scale the table shows; stands in every caption.
    """
    caption = f"{table.title}. {note}."
    shown = table.shown.astype(str)
    content = {
        "caption": caption,
        "explained": table.explained,
        "columns": list(shown.columns),
        "rows": shown.to_numpy().tolist(),
    }
    markdown = shown.to_markdown(index=False, disable_numparse=True)
    write_text(stem.with_suffix(".csv"), table.frame.to_csv(index=False))
    write_text(
        stem.with_suffix(".md"),
        f"**Table {table.number}.** {caption}\n\n{markdown}\n\n{table.explained}\n",
    )
    write_text(stem.with_suffix(".tex"), _latex(table, caption))
    title = f"Table {table.number}. {caption}"
    write_text(stem.with_suffix(".html"), to_page(title, [shown, table.explained]))
    write_text(stem.with_suffix(".json"), json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def to_page(title: str, parts: list[pd.DataFrame | str]) -> str:
    """Write an HTML page: a title, then tables and paragraphs in their order."""
    blocks = [f"<p><b>{html.escape(title)}</b></p>"]
    for part in parts:
        if isinstance(part, str):
            blocks.append(f"<p>{html.escape(part)}</p>")
        else:
            blocks.append(part.to_html(index=False, border=0))
    return PAGE.format(title=html.escape(title), body="\n".join(blocks))


def _latex(table: Table, caption: str) -> str:
    shown = table.shown.astype(str).map(_escape)
    body = shown.rename(columns=_escape).to_latex(
        index=False,
        longtable=True,
        column_format="".join(_column(shown, name) for name in shown),
        caption=_escape(f"{caption} {table.explained}"),
        label=f"tab:{table.number}",
    )
    return f"% needs \\usepackage{{booktabs, longtable}}\n{body}"


def _column(shown: pd.DataFrame, name: str) -> str:
    """Let long texts wrap."""
    return r"p{0.2\textwidth}" if shown[name].str.len().max() > 30 else "l"


def _escape(text: str) -> str:
    """Escape what LaTeX would take for its own, and set K_P and η as formulas."""
    text = re.sub(r"([%&_#$])", r"\\\1", text)
    text = text.replace(r"K\_P", "$K_P$").replace("η", r"$\eta$")
    return re.sub(r"(^|\s)([<>])", r"\1$\2$", text)
