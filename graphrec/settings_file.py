"""YAML files of settings: a name and a value a line, or a list, and nothing else of YAML."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from graphrec.errors import ConfigError
from graphrec.output import atomic_write

MAX_BYTES = 1_000_000
_NULLS = {"", "~", "null", "Null", "NULL"}

Value = str | list[str]


def read_settings(path: str | Path) -> dict[str, Value]:
    """Names and values of a settings file, each value as it would be typed on the command line.

    Tags, anchors and aliases are refused, so a file can neither make objects nor grow by itself. A
    value of ``null`` or nothing is left out.

    Raises:
        ConfigError: naming the file and the line that can't be read.
    """
    import yaml

    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror or error}.") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text; settings are a YAML file.") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than 1 MB; settings take a few lines.")
    try:
        _check_events(path, text)
        return _mapping(path, text)
    except yaml.MarkedYAMLError as error:
        line = 0 if error.problem_mark is None else error.problem_mark.line + 1
        raise ConfigError(f"{path} is not YAML, line {line}: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: it holds characters that can't be read.") from error


def write_settings(path: str | Path, settings: Mapping[str, Any], *, comment: str = "") -> None:
    """Write a settings file, which `read_settings` and ``--config`` read.

    Args:
        path: of the file; an old one is replaced.
        settings: numbers, text, booleans, enum members, tuples of these; None is left out.
        comment: goes above them.
    """
    import yaml

    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    for name, value in settings.items():
        if value is not None:
            plain = yaml.safe_dump(_plain(value), default_flow_style=True, width=10**6)
            lines.append(f"{name}: {plain.removesuffix(chr(10)).removesuffix('...').rstrip()}")
    with atomic_write(path) as unfinished:
        unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") else value


def _check_events(path: Path, text: str) -> None:
    """Refuse what settings don't have, before anything is made of it.

    Raises:
        ConfigError: naming the line.
    """
    import yaml

    depth, documents = 0, 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        refused = ""
        documents += isinstance(event, yaml.DocumentStartEvent)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > 1 + isinstance(event, yaml.SequenceStartEvent):
                refused = "a value is text, a number, or a list of these"
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if documents > 1:
            refused = "a second document begins; settings are one"
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            refused = "settings have no anchors and aliases (& and *); write the value out"
        elif getattr(event, "tag", None) not in (None, "!"):
            refused = f"settings have no tags, such as {event.tag}"
        if refused:
            raise ConfigError(f"{path}, line {event.start_mark.line + 1}: {refused}.")


def _mapping(path: Path, text: str) -> dict[str, Value]:
    """The one flat mapping of a file."""
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}: settings are lines of 'name: value', such as 'epochs: 50'.")
    found: dict[str, Value] = {}
    names = set()
    for key, node in root.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{path}, line {key.start_mark.line + 1}: a name is text.")
        name = key.value.strip().lstrip("-").replace("-", "_")
        if name in names:
            raise ConfigError(f"{path}, line {key.start_mark.line + 1}: {name} is there twice.")
        names.add(name)
        if isinstance(node, yaml.SequenceNode):
            found[name] = [one.value for one in node.value]
        elif node.style is not None or node.value not in _NULLS:
            found[name] = node.value
    return found
