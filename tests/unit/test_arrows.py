"""The house's arrows and bounds: who may know whom, and how long a file or function may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "app.py", *sorted(ROOT.glob("pages/*.py")), *sorted(ROOT.glob("lib/**/*.py"))]
NAMES = [str(path.relative_to(ROOT)) for path in FILES]

# web and pages -> work -> providers | store -> core, and core knows nobody.
KNOWS = {
    "lib.core": {"lib.core"},
    "lib.store": {"lib.store", "lib.core"},
    "lib.providers": {"lib.providers", "lib.core"},
    "lib.work": {"lib.work", "lib.providers", "lib.store", "lib.core"},
    "lib.web": {"lib.web", "lib.work", "lib.providers", "lib.store", "lib.core"},
    "pages": {"lib.web", "lib.work", "lib.providers", "lib.store", "lib.core"},
    "app": {"lib.web", "lib.work", "lib.store", "lib.core"},
}
OUTSIDE = {
    "asyncio", "concurrent", "google", "grpc", "http", "httpx", "httpx2", "multiprocessing",
    "ollama", "openai", "os", "pathlib", "random", "requests", "secrets", "select", "shutil",
    "socket", "sqlalchemy", "sqlite3", "ssl", "streamlit", "subprocess", "tempfile", "threading",
    "time", "urllib", "uuid",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "fromtimestamp"}


def imports(tree: ast.AST) -> set[str]:
    """Every module imported anywhere in the file, with the names taken out of it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "lib" else parts[0]


def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_house_is_found():
    """These checks look at real files in every room."""
    rooms = {room(name.removesuffix(".py").replace("/", ".")) for name in NAMES}

    assert set(KNOWS) <= rooms


@pytest.mark.parametrize("name", NAMES)
def test_arrows_point_inward(name: str):
    """A file imports only its own room and those further in; providers and store never meet."""
    own = room(name.removesuffix(".py").replace("/", "."))
    ours = {room(module) for module in imports(parsed(name)) if module.startswith("lib.")}

    assert ours <= KNOWS.get(own, {"lib.core"})


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("lib/core/")])
def test_core_is_pure(name: str):
    """Core has no clock, environment, file, socket, thread or framework in it."""
    tree = parsed(name)
    calls = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    clocks = {f.attr for f in calls if isinstance(f, ast.Attribute)} & CLOCKS
    opened = {f.id for f in calls if isinstance(f, ast.Name)} & {"open", "input", "print"}

    assert not {module.split(".")[0] for module in imports(tree)} & OUTSIDE
    assert not clocks | opened


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("lib/web/")])
def test_only_the_web_room_knows_streamlit(name: str):
    """Streamlit is imported by app.py, the pages and lib/web, and nowhere else."""
    knows = any(module.split(".")[0] == "streamlit" for module in imports(parsed(name)))

    assert not knows or name == "app.py" or name.startswith("pages/")


@pytest.mark.parametrize("name", NAMES)
def test_files_and_functions_stay_short(name: str):
    """A file has at most 250 lines, a page 120, app.py 40, and a function 40."""
    most = 40 if name == "app.py" else 120 if name.startswith("pages/") else 250
    lines = (ROOT / name).read_text(encoding="utf-8").count("\n")
    long = [f.name for f in functions(parsed(name)) if f.end_lineno - f.lineno >= 40]

    assert lines <= most
    assert not long


@pytest.mark.parametrize("name", NAMES)
def test_every_file_says_what_it_is(name: str):
    """Every module begins with a docstring."""
    text = ast.get_docstring(parsed(name))

    assert text
