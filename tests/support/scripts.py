"""The programs of scripts/ as modules."""

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


def load_script(name: str) -> ModuleType:
    """The program as a module of its own, not run; nothing is left beside it."""
    loader = SourceFileLoader(Path(name).name, str(SCRIPTS / f"{name}.py"))
    spec = spec_from_loader(Path(name).name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module
