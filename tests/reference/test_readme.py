"""The README's example, run on the real vintages: its numbers are the ones it prints."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_example_prints_what_it_says(shared_data):
    text = README.read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    vintages = (shared_data / "london_ward_month" / "vintages").as_posix()
    code = code.replace('"ward_vintages"', repr(vintages))
    scope: dict[str, object] = {}
    lines = [line for line in code.splitlines() if "# " not in line or "vintages" in line]
    exec("\n".join(lines), scope)
    told = [line for line in code.splitlines() if re.search(r"#\s+-?\d", line)]
    assert len(told) == 4
    for line in told:
        expression, said = re.split(r"\s+#\s", line)
        assert str(eval(expression, scope)) == said.strip(), expression
