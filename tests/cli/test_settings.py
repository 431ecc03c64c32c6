"""``KEY=VALUE``: values as in a profile, and words as they are."""

import pytest

from qiskit_cluster_provider.cli.settings import settings
from qiskit_cluster_provider.errors import ClusterConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4),
        ("0.5", 0.5),
        ("true", True),
        ("[0, 4]", [0, 4]),
        ('["--gres=gpu:1"]', ["--gres=gpu:1"]),
        ('{port = 8786, host = "login"}', {"port": 8786, "host": "login"}),
        ('"4"', "4"),
        ("16GB", "16GB"),
        ("02:00:00", "02:00:00"),
        ("1-02:00:00", "1-02:00:00"),
        ("2026-01-01", "2026-01-01"),
        ("tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        ("select=1:ncpus=8", "select=1:ncpus=8"),
        ("", ""),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_values(text, value):
    found = settings([f"key={text}"])
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


def test_several():
    assert settings(["workers=2", " queue = long "]) == {"workers": 2, "queue": "long"}
    assert settings([]) == {}


@pytest.mark.parametrize("wrong", ["workers", "=4", " =4", ""])
def test_what_is_no_setting(wrong):
    with pytest.raises(ClusterConfigError, match="write KEY=VALUE"):
        settings([wrong])


def test_what_is_given_twice():
    with pytest.raises(ClusterConfigError, match="workers is given twice"):
        settings(["workers=1", "workers=2"])
