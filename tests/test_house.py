"""The plan of the house: which folder may import which."""

import ast
from pathlib import Path

import pytest
from conftest import REPOSITORY

PACKAGE = REPOSITORY / "scripts/fedper"
MAY_IMPORT = {
    "fetch": (),
    "data": ("fetch",),
    "plan": ("data",),
    "algorithm": (),
    "train": ("algorithm", "data"),
    "job": ("train", "algorithm", "plan", "data", "fetch"),
    "results": ("plan",),
    "judge": ("results", "plan"),
    "draw": ("judge", "results", "plan", "data"),
    "explore": ("draw", "judge", "results", "plan"),
    "report": ("judge", "results", "plan"),
    "keep": ("results", "plan"),
}
"""Besides the modules beside the folders."""
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[tuple[str, ...]]:
    """The modules of the package that a file imports, as parts of their paths."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    return {tuple(name.split(".")[1:]) for name in names if name.startswith("fedper.")}


def test_every_folder_is_in_the_picture():
    picture = (REPOSITORY / "CONTRIBUTING.md").read_text().split("## To add")[0]
    assert all(folder in picture for folder in MAY_IMPORT)


def test_every_folder_is_known():
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} == set(
        MAY_IMPORT
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_upwards(path):
    folder = path.relative_to(PACKAGE).parts[:-1]
    allowed = {*folder, *MAY_IMPORT[folder[0]]} if folder else set()
    for parts in imported(path):
        assert len(parts) == 1 or parts[0] in allowed, ".".join(parts)


def test_there_is_no_circle():
    edges = {
        path.relative_to(PACKAGE).with_suffix("").parts: imported(path)
        for path in MODULES
        if path.name != "__init__.py"
    }
    while leaves := {module for module, uses in edges.items() if not uses & edges.keys()}:
        edges = {module: uses for module, uses in edges.items() if module not in leaves}
    assert not edges


def test_imports_are_written_as_the_tests_here_and_the_digest_of_the_code_read_them():
    for path in [*MODULES, *(REPOSITORY / "scripts").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("fedper") for alias in node.names), path
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                assert node.module != "fedper", path


def test_no_script_has_the_name_of_a_module():
    scripts = {path.name for path in (REPOSITORY / "scripts").glob("*.py")}
    assert not scripts & {path.name for path in MODULES}
