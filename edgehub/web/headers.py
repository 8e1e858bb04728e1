"""Headers that every answer of ours carries: nothing from other hosts, no frames, no guessing of types, no copies kept."""

from aiohttp import web

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY.format(forms="'none'"),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "same-origin",  # no-referrer would make browsers hide the origin of our own forms from us
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
FORM_POLICY = POLICY.format(forms="'self'")
"""For a page with a form that is sent to ourselves."""


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """For `Application.on_response_prepare`: whatever an answer says of itself stays."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
