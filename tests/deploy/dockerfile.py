"""The Dockerfile as its stages, each a list of instructions; enough to see what is promised."""

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from tests.browser.conftest import ROOT


class Step(NamedTuple):
    name: str
    text: str


def stages() -> dict[str, list[Step]]:
    """Each stage's steps, FROM first, by its name."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    found: dict[str, list[Step]] = {"": []}
    stage = ""
    for line in filter(None, text.splitlines()):
        step = Step(*re.split(r"\s+", line.strip(), maxsplit=1))
        if step.name == "FROM":
            stage = step.text.rpartition(" AS ")[2]
            found[stage] = []
        found[stage].append(step)
    return found


def all_of(name: str, stage: str) -> list[str]:
    return [step.text for step in stages()[stage] if step.name == name]


def copied(stage: str) -> list[tuple[list[str], str]]:
    """What this stage takes from our own folder, and where to."""
    copies = [text.split() for text in all_of("COPY", stage) if not text.startswith("--from")]
    return [(parts[:-1], parts[-1]) for parts in copies]


def is_ignored(path: Path) -> bool:
    """Whether .dockerignore keeps a file of ours away; the last line that fits decides."""
    ignored = False
    names = [str(path), *map(str, path.parents)]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        anywhere = line.startswith("**/")
        fits = any(fnmatch(Path(name).name if anywhere else name, pattern) for name in names)
        if line and not line.startswith("#") and fits:
            ignored = not line.startswith("!")
    return ignored


def build(stage: str, folder: Path) -> None:
    """Copy into `folder` what the stage copies from our own."""
    for sources, target in copied(stage):
        assert target == "./" or sources == [target], "everything keeps its place"
        for source in sources:
            for file in [ROOT / source, *(ROOT / source).rglob("*")]:
                path = file.relative_to(ROOT)
                if file.is_file() and not is_ignored(path):
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, folder / path)
