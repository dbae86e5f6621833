"""The schema of a database as psql shows it."""

from __future__ import annotations

import re
import subprocess

from specreason.embedded.binaries import find_postgres


def described(database_url: str) -> dict[str, str]:
    """Each table and view as psql's `\\d` describes it, by name. Of views, no definition."""
    commands = (
        "SELECT format(E'\\\\d%s %s', CASE relkind WHEN 'v' THEN '+' ELSE '' END, relname) FROM pg_class"
    )
    listed = f"{commands} WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
    psql = [str(find_postgres() / "psql"), "-XqAt", "-d", database_url]
    names = subprocess.run([*psql, "-c", listed], capture_output=True, text=True, check=True).stdout
    shown = subprocess.run(
        [*psql, "-P", "tuples_only=off", "-P", "footer=off"],
        input=names,
        capture_output=True,
        text=True,
        check=True,
    )
    return by_name(re.sub(r"View definition:\n.*?;\n", "", shown.stdout, flags=re.DOTALL))


def by_name(text: str) -> dict[str, str]:
    parts = re.split(r'^((?:Table|View) "public\.(\w+)"\n)', text, flags=re.MULTILINE)[1:]
    return {name: title + rest for title, name, rest in zip(*(iter(parts),) * 3, strict=True)}
