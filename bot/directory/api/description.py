"""The API's own description, OpenAPI 3.1: made from the same table as its routes."""

from __future__ import annotations

from bot.directory.api.endpoints import ENDPOINTS, SCHEMAS, Endpoint
from bot.directory.api.parameters import PARAMETERS
from bot.directory.exchange.nested import Object

HSDS_VERSION = "3.0"
PROFILE = "https://docs.openreferral.org/en/v3.0/hsds/"

PAGE: Object = {
    "type": "object",
    "properties": {
        "total_items": {"type": "integer", "description": "How many entries there are on all pages."},
        "total_pages": {"type": "integer", "description": "How many pages there are."},
        "page_number": {"type": "integer", "description": "The number of this page."},
        "size": {"type": "integer", "description": "How many entries this page has."},
        "first_page": {"type": "boolean", "description": "Whether this is the first page."},
        "last_page": {"type": "boolean", "description": "Whether this is the last page."},
        "empty": {"type": "boolean", "description": "Whether there is nothing at all on this page."},
    },
}
_PROBLEM: Object = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
}
_MINIMAL: Object = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "format": "uuid"}, "modified_date": {"type": "string", "format": "date-time"},
    },
}  # fmt: skip
_META: Object = {
    "type": "object",
    "required": ["version", "profile", "openapi_url"],
    "properties": {
        "version": {"type": "string", "description": "HSDS version of this API."},
        "profile": {"type": "string", "format": "uri", "description": "Where HSDS is explained."},
        "openapi_url": {"type": "string", "format": "uri", "description": "This description."},
    },
}


def description(address: str) -> Object:
    """The document. `address`: where the API is, such as https://farol.example.org/hsds."""
    paths: Object = {
        "/": {
            "get": _operation("getAPIMetaInformation", "About this API.", (), {"application/json": {"schema": _META}})
        }
    }
    for endpoint in ENDPOINTS:
        paths[f"/{endpoint.name}"] = {"get": _list(endpoint)}
        paths[f"/{endpoint.name}/{{id}}"] = {"get": _entry(endpoint)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Directory of services",
            "version": "1",
            "summary": "Services for migrants, in HSDS 3.0; read only.",
            "description": "The public part of this directory. Places whose address must not be known, contacts and "
            "invented sample places are not in it.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": address}],
        "paths": paths,
        "components": {
            "schemas": {"Page": PAGE, "Problem": _PROBLEM, "MinimalService": _MINIMAL},
            "parameters": {
                name: {"name": name, "in": "query", "required": False, "description": one.about, "schema": one.schema}
                for name, one in PARAMETERS.items()
            },
        },
    }


def _list(endpoint: Endpoint) -> Object:
    items = [{"$ref": SCHEMAS + name} for name in endpoint.listed]
    if "minimal" in endpoint.list_parameters:
        items.append({"$ref": "#/components/schemas/MinimalService"})
    entry = items[0] if len(items) == 1 else {"anyOf": items}
    page = {
        "properties": {"contents": {"type": "array", "items": entry}},
        "allOf": [{"$ref": "#/components/schemas/Page"}],
    }
    content = {"application/json": {"schema": page}, "application/x-ndjson": {"schema": {"type": "string"}}}
    parameters = tuple({"$ref": f"#/components/parameters/{name}"} for name in endpoint.list_parameters)
    made = _operation(endpoint.operations[0], endpoint.about, parameters, content)
    entry = {"operationId": endpoint.operations[1], "parameters": {"id": "$response.body#/contents/0/id"}}
    made["responses"]["200"]["links"] = {"entry": entry}
    return made


def _entry(endpoint: Endpoint) -> Object:
    id_ = {
        "name": "id", "in": "path", "required": True, "description": "Its id.", "schema": {"type": "string"},
    }  # fmt: skip
    more = ({"$ref": f"#/components/parameters/{name}"} for name in endpoint.parameters)
    content = {"application/json": {"schema": {"$ref": SCHEMAS + endpoint.whole}}}
    return _operation(endpoint.operations[1], f"One of them. {endpoint.about}", (id_, *more), content)


def _operation(name: str, about: str, parameters: tuple[Object, ...], content: Object) -> Object:
    problem = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {
        "operationId": name,
        "summary": about,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "What was asked for.", "content": content},
            "304": {"description": "Not changed since the ETag that was sent."},
            "400": {"description": "What was asked for makes no sense; the detail says why."} | problem,
            "404": {"description": "There is no such entry, or it is not public."} | problem,
            "503": {"description": "Too much is asked at once; try again later."} | problem,
        },
    }
