import pytest

# So that a failure in the contract every connector shares shows the values.
pytest.register_assert_rewrite("tests.connectors.contract")
