"""Mermaid diagrams of the documentation, rendered while the site is built.

The theme would load Mermaid from a CDN in the reader's browser; an SVG in the page needs no network and no script.
"""

from hashlib import sha256
from typing import Any

import mermaidx

DRAWN_ID = "my-svg"
"""The id that the renderer sets on every SVG and uses in its style sheet."""


def fence(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:
    """Render a code block of language `mermaid`; a custom fence of pymdownx.superfences.

    Args:
        source: text of the block.
        language: unused, always `mermaid`.
        css_class: unused, the theme's script would replace its elements.
        options: unused.
        md: unused, the Markdown instance.

    Returns:
        The SVG in a block; its id depends on the source, so that two diagrams of a page keep their own styles.
    """
    svg = str(mermaidx.render(source).svg())
    drawn_id = f"diagram-{sha256(source.encode()).hexdigest()[:8]}"
    return f"<div>{svg.replace(DRAWN_ID, drawn_id)}</div>"
