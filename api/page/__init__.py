"""The page at /: files of this folder, served from our own process, with nothing loaded from elsewhere."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from api.page.runbook import runbook_page

FOLDER = Path(__file__).parent

SECURITY_HEADERS = {
    # Nothing from elsewhere, by the browser's own word: the page works without internet.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class _Assets(StaticFiles):
    """Scripts, styles and the icon; revalidated on each load, so that a new version is seen at once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def revalidate(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"cache-control", b"no-cache")]
            await send(message)

        await super().__call__(scope, receive, revalidate)


def install(app: FastAPI) -> None:
    """Serve the page at /, its files at /assets, and the runbook at /runbook."""
    app.mount("/assets", _Assets(directory=FOLDER / "assets"), name="assets")

    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers=SECURITY_HEADERS, media_type="text/html; charset=utf-8")

    @app.get("/runbook", include_in_schema=False)
    def runbook() -> HTMLResponse:
        return HTMLResponse(runbook_page(), headers=SECURITY_HEADERS)

    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> FileResponse:
        return FileResponse(FOLDER / "assets" / "icon.svg", media_type="image/svg+xml")
