"""Makes pages of a book of pages of the repository: what they link to outside of docs/ is named, and not linked."""

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]+)\]\((\.\./[^)#\s]*)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Writes links that leave docs/ as what they lead to."""
    depth = page.file.src_uri.count("/")
    leaves = "../" * (depth + 1)

    def named(link: re.Match[str]) -> str:
        text, path = link.group(1), link.group(2)
        if not path.startswith(leaves):
            return link.group(0)
        path = path.removeprefix(leaves)
        return text if path in text else f"{text} (`{path}`)"

    return OUTSIDE.sub(named, markdown)
