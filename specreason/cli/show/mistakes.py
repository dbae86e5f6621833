"""Says what is wrong with a command line, and what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pydantic import ValidationError
from typer.exceptions import TyperException

from specreason.validation import first_invalid_field
from specreason.words import nearest, suggestion

TRUTHS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def mistake(error: TyperException, arguments: Sequence[str], root: Any) -> tuple[str | None, str]:
    """The option or argument at fault, if it is known, and what is wrong. `root` is the whole command line."""
    command = _command_of(root, arguments)
    parameter = getattr(error, "param", None)
    option = None if parameter is None else _name_of(parameter)
    if (flag := _flag_with_value(command, arguments)) is not None:
        return flag
    if hasattr(error, "possibilities") and hasattr(error, "option_name"):
        return None, _no_such_option(command, error.option_name, arguments)
    if (word := _unknown_command(error)) is not None:
        return None, f"there is no command '{word}'{_command_meant(command, word)}"
    if option is not None and type(error).__name__ == "MissingParameter":
        return option, "is required"
    if option is not None and isinstance(error.__cause__, ValidationError):
        return option, first_invalid_field(error.__cause__).reason
    message = error.format_message().rstrip(".")
    return option, f"{message[:1].lower()}{message[1:]}"


def _command_of(root: Any, arguments: Sequence[str]) -> Any:
    """The command that the line names, or the group if it names none in it."""
    command = root
    for word in arguments:
        if not word.startswith("-"):
            below = getattr(command, "commands", {}).get(word)
            if below is None:
                break
            command = below
    return command


def _name_of(parameter: Any) -> str:
    longest = [name for name in parameter.opts if name.startswith("--")]
    return longest[0] if longest else str(parameter.metavar or parameter.name)


def _flag_with_value(command: Any, arguments: Sequence[str]) -> tuple[str, str] | None:
    """A flag such as `--overlap` that was given a word such as `false`, and how it is written instead."""
    for word, following in pairwise([*arguments, ""]):
        name, has_value, value = word.partition("=")
        truth = TRUTHS.get((value if has_value else following).lower())
        for parameter in command.params:
            if truth is None or not getattr(parameter, "is_bool_flag", False) or name not in parameter.opts:
                continue
            if truth:
                return name, f"takes no value: write {name} alone"
            off = parameter.secondary_opts
            return name, f"takes no value: use {off[0]}" if off else "takes no value: leave it out instead"
    return None


def _no_such_option(command: Any, name: str, arguments: Sequence[str]) -> str:
    known = [
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--")
    ]
    # Of `-threshold` the parser has seen no more than `-t`.
    word = next((each for each in arguments if each.startswith(name)), name).partition("=")[0]
    near = nearest(f"--{word.lstrip('-')}", [*known, "--help"]) if len(word) > 2 else None
    return f"there is no option {word}" + ("" if near is None else f"; did you mean {near}?")


def _unknown_command(error: TyperException) -> str | None:
    """The word that is no command."""
    message = error.format_message()
    return message.split("'")[1] if message.startswith("No such command '") else None


def _command_meant(group: Any, word: str) -> str:
    """Suggest a command of the same name in a group below, or else one of this group."""
    commands = getattr(group, "commands", {})
    below = [name for name, inner in commands.items() if word in getattr(inner, "commands", ())]
    if below:
        return f"; did you mean {' or '.join(repr(f'{name} {word}') for name in below)}?"
    return suggestion(word, commands)
