import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("agents", "envs", "feedback", "simulations")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]


def source_folders() -> list[Path]:
    """Every folder that is a package, as a path below the root."""
    inits = [path for folder in FOLDERS for path in (ROOT / folder).rglob("__init__.py")]
    return sorted(path.parent.relative_to(ROOT) for path in inits)


def shipped_files() -> set[str]:
    suffixes = {".py", ".j2", ".typed"}
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return {
        f"prefgym/{path.relative_to(ROOT).as_posix()}"
        for path in paths
        if path.suffix in suffixes or path.name in suffixes
    }


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel built from a copy, so that no build output lands in the sources."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(copy / "dist"), str(copy)], check=True)
    (wheel,) = (copy / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_subpackage_is_in_the_package_list() -> None:
    names = {"prefgym." + ".".join(folder.parts) for folder in source_folders()}
    assert names == set(SETUPTOOLS["packages"])


def test_every_package_is_mapped_to_its_folder() -> None:
    expected = {f"prefgym.{'.'.join(f.parts)}": f.as_posix() for f in source_folders()}
    assert SETUPTOOLS["package-dir"] == expected


def test_every_package_is_typed() -> None:
    assert [str(f) for f in source_folders() if not (ROOT / f / "py.typed").is_file()] == []


def test_every_module_lies_in_a_package() -> None:
    modules = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    assert {path.parent.relative_to(ROOT) for path in modules} == set(source_folders())


def test_the_wheel_holds_every_source_and_template(wheel_names: set[str]) -> None:
    assert shipped_files() - wheel_names == set()


def test_the_wheel_adds_nothing_but_prefgym_to_the_import_space(wheel_names: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel_names} == {
        "prefgym",
        f"prefgym-{PYPROJECT['project']['version']}.dist-info",
    }
