"""The forms of the page as OpenAPI describes them, so that programs can try them out."""

Schema = dict[str, object]
TEXT: Schema = {"type": "string"}


def form(**fields: Schema) -> Schema:
    """What `openapi_extra` takes for an address that reads these fields and the form's token."""
    properties = {"csrf": TEXT, **fields}
    schema = {"type": "object", "properties": properties, "required": ["csrf"]}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def one_of(*values: str) -> Schema:
    """A field that takes one of these values."""
    return {"type": "string", "enum": list(values)}


ASSIGNED: dict[str, Schema] = {"assignment": TEXT, "token": TEXT}
ANSWER: dict[str, Schema] = {
    **ASSIGNED,
    "seconds": TEXT,
    "choice": one_of("", "0", "1", "tie", "skip", "fine"),
    "edited": TEXT,
    "start": TEXT,
    "manoeuvre": TEXT,
    "actions": TEXT,
    **{f"rank_{place}": TEXT for place in range(6)},
    **{f"wording_{place}": TEXT for place in range(3)},
}
