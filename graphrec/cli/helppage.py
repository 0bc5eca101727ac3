"""Help in plain text, options under the headings of their groups."""

from __future__ import annotations

from typing import Any

from typer import BadParameter
from typer.core import TyperCommand

_ARGUMENTS, _OPTIONS = "Arguments", "Options"
VALUE_ERROR = "Value error, "  # of the library that checks values


class PlainHelp(TyperCommand):
    """A command whose help needs no `rich`: quick to load, and easy to search when piped."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; errors without the prefix of the library that checks values."""
        try:
            return super().parse_args(ctx, args)
        except BadParameter as error:
            error.message = error.message.removeprefix(VALUE_ERROR)
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, those without a `rich_help_panel` first, then group by group."""
        groups: dict[str, list[tuple[str, str]]] = {_ARGUMENTS: [], _OPTIONS: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            is_argument = parameter.param_type_name == "argument"
            group = getattr(parameter, "rich_help_panel", None)
            if record is not None:
                group = group or (_ARGUMENTS if is_argument else _OPTIONS)
                groups.setdefault(group, []).append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)
