"""Whether a container leaves room for threads that only save time."""

import pytest

from qiskit_cluster_provider.worker.sandbox.threads import has_spare_threads


def group(folder, most, there):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pids.max").write_text(f"{most}\n")
    (folder / "pids.current").write_text(f"{there}\n")


@pytest.fixture(params=["0::/pods/mine", "7:pids:/pods/mine", "7:cpu,pids:/pods/mine"])
def mine(request, tmp_path):
    """The folder of a cgroup of version 2 or 1."""
    process = tmp_path / "proc/self"
    process.mkdir(parents=True)
    (process / "cgroup").write_text(f"3:memory:/else\n{request.param}\n")
    top = tmp_path / ("sys/fs/cgroup" if request.param.startswith("0") else "sys/fs/cgroup/pids")
    group(top / "pods/mine", "max", 5)
    return top / "pods/mine"


def test_without_a_limit_there_is_room(mine, tmp_path):
    assert has_spare_threads(tmp_path)


@pytest.mark.parametrize(("most", "there", "room"), [(100, 5, True), (40, 5, True), (36, 5, False), (10, 9, False)])
def test_a_limit_counts_what_is_there(mine, tmp_path, most, there, room):
    group(mine, most, there)
    assert has_spare_threads(tmp_path) is room


def test_a_limit_of_what_is_around_it_counts(mine, tmp_path):
    group(mine.parent, 20, 5)
    assert not has_spare_threads(tmp_path)


def test_where_nothing_is_told_there_is_room(tmp_path):
    assert has_spare_threads(tmp_path)
