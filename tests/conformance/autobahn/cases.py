"""Loads the official Autobahn case definitions from the installed `autobahntestsuite` package.

The package is written for Python 2, so its `wstest` does not start on Python 3. Its cases, though,
are small classes that call a peer and state what they expect. Here each case file is read as
Latin-1, which gives Python 2's byte strings their exact values, and run with the few builtins it
misses. Nothing in a case is changed; the peer they drive is in `peer.py`.
"""

import ast
import binascii
import builtins
import importlib.metadata
import importlib.util
import pathlib
import re
import types

NAME = re.compile(r"^Case(\d+(?:_\d+)+)$")
# 12 and 13 need permessage-deflate; 9.9.1 is not in the suite's own list of cases.
SKIPPED_FILES = ("case12_x_x.py", "case9_9_1.py")


def suite_version():
    return importlib.metadata.version("autobahntestsuite")


def load():
    """Every case as {id: class}, in the suite's order."""
    root = importlib.util.find_spec("autobahntestsuite").submodule_search_locations[0]
    loader = Loader(pathlib.Path(root) / "case")
    found = {}
    for file in sorted((pathlib.Path(root) / "case").glob("case[0-9]*.py")):
        if file.name in SKIPPED_FILES:
            continue
        for value in list(vars(loader.module(file.stem)).values()):
            for candidate in value if isinstance(value, list) else [value]:
                match = isinstance(candidate, type) and NAME.match(candidate.__name__)
                if match:
                    found[match.group(1).replace("_", ".")] = candidate
    key = lambda item: tuple(int(part) for part in item[0].split("."))
    return dict(sorted(found.items(), key=key))


class Loader:
    def __init__(self, folder):
        self.folder = folder
        self.modules = {}
        self.stubs = {
            "binascii": types.SimpleNamespace(
                b2a_hex=lambda text: binascii.b2a_hex(text.encode("latin-1")).decode()
            ),
            # Cases compare what came with what they expect by pickling both; Python 3 pickles also
            # say which strings are the same object, so compare the written form instead.
            "pickle": types.SimpleNamespace(dumps=repr),
            "autobahn.websocket.protocol": types.SimpleNamespace(WebSocketProtocol=Protocol),
            "autobahn.websocket.utf8validator": types.SimpleNamespace(Utf8Validator=Utf8Validator),
        }
        self.builtins = {
            **vars(builtins),
            "xrange": range,
            "unichr": chr,
            # `(object, Case)` is a legal list of bases only while `Case` is an old-style class.
            "object": type("OldObject", (), {}),
            "__import__": self.resolve,
            "__divide__": divide,
        }

    def resolve(self, name, scope=None, local=None, wanted=(), level=0):
        if name in self.stubs:
            return self.stubs[name]
        if (self.folder / f"{name}.py").exists():
            return self.module(name)
        return __import__(name, scope, local, wanted, level)

    def module(self, name):
        if name not in self.modules:
            source = (self.folder / f"{name}.py").read_bytes().decode("latin-1")
            source = re.sub(r"^#.*coding.*$", "", source, flags=re.M)
            source = re.sub(r"^(\s*)print\b.*$", r"\1pass", source, flags=re.M)
            tree = ast.fix_missing_locations(IntegerDivision().visit(ast.parse(source)))
            module = types.ModuleType(name)
            module.__dict__["__builtins__"] = self.builtins
            self.modules[name] = module
            exec(compile(tree, f"{name}.py", "exec"), module.__dict__)
        return self.modules[name]


class IntegerDivision(ast.NodeTransformer):
    """`a / b` of two integers is an integer in Python 2."""

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            callee = ast.Name(id="__divide__", ctx=ast.Load())
            return ast.Call(func=callee, args=[node.left, node.right], keywords=[])
        return node


def divide(left, right):
    return left // right if isinstance(left, int) and isinstance(right, int) else left / right


class Protocol:
    """The constants cases read."""

    STATE_CLOSED, STATE_CONNECTING, STATE_CLOSING, STATE_OPEN = range(4)
    MESSAGE_TYPE_TEXT, MESSAGE_TYPE_BINARY = 1, 2
    CLOSE_STATUS_CODE_NORMAL = 1000
    CLOSE_STATUS_CODE_GOING_AWAY = 1001
    CLOSE_STATUS_CODE_PROTOCOL_ERROR = 1002
    CLOSE_STATUS_CODE_INVALID_PAYLOAD = 1007


class Utf8Validator:
    """Answers (valid so far, ends on a code point) for one byte string."""

    def reset(self):
        pass

    def validate(self, text):
        data = text.encode("latin-1")
        try:
            data.decode("utf-8")
            return True, True, len(data), len(data)
        except UnicodeDecodeError as error:
            unfinished = error.reason == "unexpected end of data"
            return unfinished, False, error.start, error.start
