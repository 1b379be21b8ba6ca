import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("simulations", "envs", "feedback", "agents")  # each may import those before it
FILES = sorted(path.relative_to(ROOT) for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def imported_modules(tree: ast.AST) -> list[str]:
    """Dotted names of all imports, at any depth; a relative one keeps its leading dots."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            # `from prefgym import agents` imports a folder, so the names count as well.
            names += [f"{module}.{a.name}" for a in node.names] if module == "prefgym" else [module]
    return names


def may_import(file: Path, module: str) -> bool:
    layer = file.parts[0]
    first, _, rest = module.partition(".")
    if first == "" or first in LAYERS:  # relative, or a second copy of the package from the root
        return False
    if first == "prefgym":
        return rest.split(".")[0] in LAYERS[: LAYERS.index(layer) + 1]
    if first == "torch":
        return layer in ("feedback", "agents")
    if first == "stable_baselines3":
        return layer == "agents" or file == Path("feedback/learned_reward_vec.py")
    if first == "matplotlib":
        return file == Path("agents/plots.py")
    return True


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_point_left_only(file: Path) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert [name for name in imported_modules(tree) if not may_import(file, name)] == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("simulations/a.py", "import prefgym.envs"),
        ("simulations/a.py", "from prefgym import agents"),
        ("envs/a.py", "def f():\n    import prefgym.feedback.store"),
        ("envs/a.py", "import torch.nn"),
        ("feedback/a.py", "from prefgym.agents import train"),
        ("feedback/a.py", "from stable_baselines3 import PPO"),
        ("agents/a.py", "import matplotlib.figure"),
        ("agents/a.py", "from . import plots"),
        ("agents/a.py", "import envs"),
    ],
)
def test_the_check_sees_a_wrong_import(file: str, source: str) -> None:
    names = imported_modules(ast.parse(source))
    assert not all(may_import(Path(file), name) for name in names)


@pytest.mark.parametrize("package", ["prefgym.simulations", "prefgym.envs"])
def test_environments_load_without_torch(package: str) -> None:
    code = f"import sys, {package}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
