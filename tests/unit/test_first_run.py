"""What people may write into the first-run Variable (G3)."""

from typing import Any

import pytest

from blocks.errors import FirstRunVariableError
from tasks.gate import FIRST_RUN, read_first_run


@pytest.mark.parametrize("value", [None, True, "true", "TRUE", " true\n"], ids=repr)
def test_true(value: Any) -> None:
    assert read_first_run(value) is True


@pytest.mark.parametrize("value", [False, "false", "False", " false"], ids=repr)
def test_false(value: Any) -> None:
    assert read_first_run(value) is False


GARBAGE: list[Any] = ["ture", "", "yes", "1", 0, 1, 0.5, [], {"first": True}]


@pytest.mark.parametrize("value", GARBAGE, ids=repr)
def test_garbage(value: Any) -> None:
    with pytest.raises(FirstRunVariableError) as caught:
        read_first_run(value)
    assert f"holds {value!r}, which is neither" in str(caught.value)
    assert f"prefect variable set {FIRST_RUN} true --overwrite" in caught.value.todo
