"""Run the commands that stand in the documentation and write what they print below them.

    python docs/make_outputs.py                 all pages
    python docs/make_outputs.py docs/how-to/x.md

In a page, comments that a reader does not see say what the block after them is:

    <!-- file: my-rules/rules.csv -->     its text is written to this file
    <!-- run -->                          a console block: lines after ``$ `` are run, their output replaced
    <!-- run 1-5 12- ~TRP+over -->        the same: only these lines and those with "TRP over" are shown
    <!-- run exit 2 -->                   the same, the command must end with this code
    <!-- python -->                       a Python block that must run; its output is not shown

All blocks of a page run in one empty folder, in order. Only ``stromal`` is run.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
BLOCK = re.compile(r"<!-- (file|run|python)(:? [^>]*?)? -->\n```\w*\n(.*?)```\n", re.DOTALL)
PATIENCE = re.compile(r"stromal: (running .*\.\.\.|[a-z ]+ \d+/\d+)\n")


@dataclass
class Block:
    """A marked block of a page: ``kind`` is ``file``, ``run`` or ``python``."""

    kind: str
    about: str
    text: str
    start: int
    end: int

    @property
    def commands(self) -> list[str]:
        """Commands of a console block; a line that ends in a backslash goes on."""
        joined = self.text.replace("\\\n", " ")
        return [" ".join(line[2:].split()) for line in joined.splitlines() if line.startswith("$ ")]

    @property
    def code(self) -> int:
        """Exit code that the commands must have."""
        match = re.search(r"exit (\d+)", self.about)
        return int(match[1]) if match else 0


def blocks(page: str) -> Iterator[Block]:
    """Yield the marked blocks of a page in order."""
    for match in BLOCK.finditer(page):
        about = (match[2] or "").lstrip(": ").strip()
        yield Block(match[1], about, match[3], match.start(3), match.end(3))


def run(command: str) -> tuple[int, str]:
    """Run one ``stromal`` command in this process; return its code and all that it printed."""
    from stromal.cli import main

    words = shlex.split(command)
    if words[0] != "stromal":
        raise ValueError(f"only stromal is run, not {words[0]!r}")
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main(words[1:])
    return code, PATIENCE.sub("", said.getvalue())


def execute(page: str, folder: Path, told: Callable[[Block, str, int, str], None]) -> None:
    """Write the files of a page into a folder and run its commands there.

    Parameters
    ----------
    page : str
    folder : Path
    told : callable
        Called after each command with (block, command, exit code, output); for Python with an empty command.
    """
    with chdir(folder):
        for block in blocks(page):
            if block.kind == "file":
                path = Path(block.about)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            elif block.kind == "python":
                said = io.StringIO()
                with redirect_stdout(said):
                    exec(compile(block.text, "<page>", "exec"), {"__name__": "page"})
                told(block, "", 0, said.getvalue())
            else:
                for command in block.commands:
                    told(block, command, *run(command))


def chosen(output: str, about: str) -> str:
    """Return the lines that are shown, ``...`` where some are left out."""
    lines = [line.rstrip() for line in output.rstrip("\n").splitlines()]
    words = re.sub(r"exit \d+", "", about).split()
    if not words:
        return "\n".join(lines) + "\n"
    shown = [word[1:].replace("+", " ") for word in words if word[0] == "~"]
    keep = {i for i, line in enumerate(lines) for word in shown if word in line}
    for first, dash, end in re.findall(r"\b(\d+)(-?)(\d*)", " ".join(w for w in words if w[0] != "~")):
        keep.update(range(int(first) - 1, int(end or len(lines)) if dash else int(first)))
    out: list[str] = []
    for i in range(len(lines) + 1):
        if i in keep and i < len(lines):
            out.append(lines[i])
        elif i < len(lines) and (not out or out[-1] != "..."):
            out.append("...")
    return "\n".join(out) + "\n"


def refresh(path: Path) -> bool:
    """Run a page and write its outputs; return whether it changed."""
    page = path.read_text(encoding="utf-8")
    new: dict[tuple[int, int], str] = {}

    def told(block: Block, command: str, code: int, output: str) -> None:
        if block.kind != "run":
            return
        if code != block.code:
            raise SystemExit(f"{path}: `{command}` ended with {code}:\n{output}")
        shown = next(
            line for line in _asked(block) if " ".join(line.replace("\\\n", " ").split())[2:] == command
        )
        key = (block.start, block.end)
        new[key] = new.get(key, "") + shown + "\n" + chosen(output, block.about)

    with tempfile.TemporaryDirectory() as folder:
        execute(page, Path(folder), told)
    for (start, end), text in sorted(new.items(), reverse=True):
        page = page[:start] + text + page[end:]
    changed = page != path.read_text(encoding="utf-8")
    path.write_text(page, encoding="utf-8")
    return changed


def _asked(block: Block) -> list[str]:
    """Return the commands as they stand on the page, broken lines and all."""
    return re.findall(r"^\$ (?:.*\\\n)*.*", block.text, re.MULTILINE)


def main() -> int:
    """Refresh the pages that are named, or all; return 0."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    pages = [Path(p).resolve() for p in sys.argv[1:]] or sorted(
        [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
    )
    for path in pages:
        if any(block.kind == "run" for block in blocks(path.read_text(encoding="utf-8"))):
            sys.stdout.write(f"{path.name}: {'changed' if refresh(path) else 'as it was'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
