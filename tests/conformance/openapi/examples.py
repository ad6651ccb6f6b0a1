"""Whether the examples of the document fit its own schemas."""

import jsonschema_rs

METHODS = {"get", "put", "post", "patch", "delete"}


def check(document):
    """For every operation what is wrong with its examples; mostly nothing."""
    components = {"components": document["components"]}
    return {
        f"{method.upper()} {path}": [
            f"{place}: {error.message} at {'/'.join(map(str, error.instance_path))}"
            for place, schema, example in examples(operation)
            for error in jsonschema_rs.validator_for({**components, **schema}).iter_errors(example)
        ]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }


def examples(operation):
    """Every example of the operation: where it stands, its schema, itself."""
    for parameter in operation.get("parameters", []):
        if "example" in parameter:
            yield parameter["name"], parameter["schema"], parameter["example"]
    whole = {"request": operation.get("requestBody", {}), **operation["responses"]}
    for place, one in whole.items():
        for body in one.get("content", {}).values():
            if "schema" in body and "example" in body:
                yield place, body["schema"], body["example"]
