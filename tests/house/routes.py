"""What the application answers, and whom: read from the running application and from the views' decorators."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flask import Flask

from provvypay.domain.roles import Permission
from tests.house.source import dotted, python_files

Route = tuple[str, str, str, str]


def routes(app: Flask) -> set[Route]:
    """Return (methods, address, endpoint, who may) of every route."""
    guards = dict(guards_of_views())
    return {
        (
            ", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})),
            rule.rule,
            rule.endpoint,
            guards.get(rule.endpoint, "anyone"),
        )
        for rule in app.url_map.iter_rules()
    }


def guards_of_views() -> Iterator[tuple[str, str]]:
    """Return (endpoint, who may) by the decorators `signed_in`, `platform_admins` and `needs(…)`."""
    for source in python_files("provvypay/blueprints"):
        blueprint = source.path.removeprefix("provvypay/blueprints/").removesuffix(".py").replace("/", "_")
        for view in source.tree.body:
            if isinstance(view, ast.FunctionDef):
                for decorator in view.decorator_list:
                    if dotted(decorator) == "signed_in":
                        yield f"{blueprint}.{view.name}", "members"
                    if dotted(decorator) == "platform_admins":
                        yield f"{blueprint}.{view.name}", "platform admins"
                    if isinstance(decorator, ast.Call) and dotted(decorator.func) == "needs":
                        yield f"{blueprint}.{view.name}", Permission[dotted(decorator.args[0]).rpartition(".")[2]].value
