"""Mermaid diagrams of the documentation, drawn while the site is built.

The theme would load Mermaid from a CDN in the browser of the reader. An SVG in the page needs no network and no script.
"""

from hashlib import sha256
from typing import Any

import mermaidx

DRAWN_ID = "my-svg"
"""The id that the renderer gives to every SVG, and that its style sheet refers to."""


def fence(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:
    """Draw a code block of language `mermaid`; a custom fence of pymdownx.superfences.

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
