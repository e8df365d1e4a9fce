"""Debian's Chromium, of preference its build without a window, in which the page is tested and measured."""

import os
import shutil

CHROMIUM = os.environ.get("DAYAHEAD_CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""None where there is none."""

# It contacts Google servers unless these switches are set.
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
