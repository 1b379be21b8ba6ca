"""Compiles kernels, or leaves them as plain Python when numba's JIT is disabled."""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

_FOLDER = Path(__file__).parent


def _sources_digest() -> str:
    """Names the present text of all kernel files.

    numba's disk cache notices a change of the file a kernel stands in, but not of the files whose
    functions it calls; a cache folder per text makes a stale kernel impossible.
    """
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_CACHE_NAME = f"kernels-{_sources_digest()}"


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Returns the function compiled: serial, without fastmath, cached on disk where possible.

    Without fastmath every operation rounds as IEEE 754 says, so the compiled kernel gives the
    bytes of the plain Python function (`NUMBA_DISABLE_JIT=1`). Without numba's runtime no kernel
    may allocate, and none counts references to its arrays, which costs four fifths of the time.
    """
    # A run-time type checker wraps the function; compiled code cannot call it.
    plain = inspect.unwrap(function)
    config = vars(numba.config)
    user_folder = config["CACHE_DIR"]
    config["CACHE_DIR"] = str(Path(user_folder or _FOLDER / "__pycache__") / _CACHE_NAME)
    try:
        return _njit(plain, cache=True)
    except RuntimeError:  # numba: "no locator available", there is nowhere to write
        return _njit(plain, cache=False)
    finally:
        config["CACHE_DIR"] = user_folder


def _njit(function: Callable[P, R], *, cache: bool) -> Callable[P, R]:
    kernel: Callable[P, R] = numba.njit(cache=cache, error_model="numpy", _nrt=False)(  # type: ignore[call-overload]  # numba's annotations leave _nrt out
        function
    )
    return kernel
