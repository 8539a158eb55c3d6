"""The bare application every web figure is a share of: Flask and Jinja, and nothing of ours."""

from __future__ import annotations

import os

from flask import Flask, Response, render_template_string

# About as many expressions as a pay page has, escaped; the rest of its bytes is markup that is only copied.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head><body><main><h1>{{ title }}</h1>
<ul>{% for row in rows %}<li id="{{ row.id }}"><span>{{ row.name }}</span> <b>{{ row.amount }}</b></li>
{% endfor %}</ul>
<p>PADDING</p></main></body></html>
"""
_ROWS = [{"id": f"r{number}", "name": f"Oak & pine <{number}>", "amount": f"{number}.50"} for number in range(12)]


def create_app() -> Flask:
    """Return an application with /hello and /page, the page as long as BARE_PAGE_BYTES says."""
    app = Flask(__name__)
    with app.app_context():
        markup = render_template_string(_PAGE, title="A page", rows=_ROWS)
    wanted = int(os.environ.get("BARE_PAGE_BYTES", "0"))
    padding = "x" * max(0, wanted - len(markup.encode()) + len("PADDING"))
    template = app.jinja_env.from_string(_PAGE.replace("PADDING", padding))

    @app.get("/hello")
    def hello() -> Response:
        return Response("hello", mimetype="text/plain")

    @app.get("/page")
    def page() -> Response:
        return Response(template.render(title="A page", rows=_ROWS), mimetype="text/html")

    return app
