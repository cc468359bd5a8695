"""Judges the cases of config_cases.txt by a JSON Schema: config_schema_check.py SCHEMA CASES.

Exit status 0: all as expected, 1: some are not (printed), 77: a Python package is missing.
"""
import json
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"{error}: install python3-jsonschema and python3-yaml")
    sys.exit(77)


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2 scalars, as editors read them: no yes/no, octals or dates."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(true|false)$", list("tf")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda l, node: int(node.value, 10))
CoreLoader.add_constructor("tag:yaml.org,2002:float", lambda l, node: float(node.value))


def with_text_keys(value):
    """Keys are text in JSON."""
    if isinstance(value, dict):
        return {str(key): with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_text_keys(item) for item in value]
    return value


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    with open(sys.argv[2], encoding="utf-8") as file:
        cases = re.split(r"^=== ", file.read(), flags=re.MULTILINE)[1:]
    wrong = 0
    for case in cases:
        title, _, text = case.partition("\n")
        expected = title.split()[0] in ("good", "blind")
        errors = list(validator.iter_errors(with_text_keys(yaml.load(text, Loader=CoreLoader))))
        if expected == bool(errors):
            wrong += 1
            print(f"{title}: {errors[0].message if errors else 'accepted'}")
    print(f"{len(cases)} cases, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main())
