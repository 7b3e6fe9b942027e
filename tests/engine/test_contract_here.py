"""The same contract tests on the engine's Python."""

import importlib.util
from pathlib import Path

_file = Path(__file__).resolve().parent.parent / "test_contract.py"
_spec = importlib.util.spec_from_file_location("contract_cases", _file)
_cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_cases)
globals().update({name: case for name, case in vars(_cases).items() if name.startswith("test_")})
