"""`python3 -m evento test [FILE…]`: runs given-when-then tests where there is no pytest.

Functions named `test_…` of files named `test_….py` are called, each for itself. pytest runs the same files and does
more: it is the better choice once a project has it.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
USAGE = "python3 -m evento test [FILE...]"


def tests_of(path: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """The test functions of a file, in the order in which they stand there."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    for name, value in vars(module).items():
        if name.startswith("test_") and callable(value):
            yield name, value


def failed(name: str, test: Callable[[], object]) -> bool:
    """Runs one test and tells how it went."""
    try:
        test()
    except Exception as error:
        # Where the test stands and what it says; frames of the SDK would only hide that.
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent != HERE]
        print(f"FAILED {name}\n{''.join(traceback.format_list(own))}{type(error).__name__}: {error}\n")
        return True
    print(f"ok {name}")
    return False


def main(arguments: list[str]) -> int:
    """0 when all tests pass, 1 when one fails, 2 when there is none or the call is wrong."""
    if arguments[:1] != ["test"]:
        print(USAGE, file=sys.stderr)
        return 2
    files = [Path(name) for name in arguments[1:]] or sorted(Path.cwd().glob("test_*.py"))
    begin = time.monotonic()
    results = [failed(f"{file.stem}.{name}", test) for file in files for name, test in tests_of(file)]
    if not results:
        print("there is no test: name a file, or call one test_….py", file=sys.stderr)
        return 2
    passed = len(results) - sum(results)
    print(f"{passed} passed, {sum(results)} failed in {time.monotonic() - begin:.2f} s")
    return 1 if any(results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
