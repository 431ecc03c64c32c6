"""The package local-kubernetes stands by itself, and its README is complete."""

import inspect
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from local_kubernetes import LocalKubernetes

ROOT = Path(__file__).parents[2] / "packages/local-kubernetes"


def test_it_imports_nothing_of_those_who_use_it():
    others = ("qiskit", "qiskit_cluster_provider", "dask", "distributed", "dask_kubernetes", "kr8s", "kopf")
    code = f"import local_kubernetes, sys; print(sorted(sys.modules.keys() & set({others})))"
    environment = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("wanted", [{"operator": True, "crds": False}, {"operator": False, "crds": True}])
def test_without_dask_kubernetes_it_says_what_to_install(wanted, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_kubernetes", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'local-kubernetes\[dask\]', or pass operator=False"):
        LocalKubernetes(**wanted)
    with LocalKubernetes(operator=False, crds=False) as cluster:
        assert cluster.objects("customresourcedefinitions") == []


def test_the_readme_names_all_that_a_test_can_do():
    readme = (ROOT / "README.md").read_text()
    public = [name for name, _ in inspect.getmembers(LocalKubernetes, inspect.isfunction) if not name.startswith("_")]
    assert len(public) > 10
    assert [name for name in public if f"`{name}`" not in readme] == []


@pytest.mark.slow
def test_its_wheel(tmp_path):
    shutil.copytree(ROOT, tmp_path / "source", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", ".", "source"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("local_kubernetes-*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        (metadata,) = (Parser().parsestr(wheel.read(name).decode()) for name in names if name.endswith("/METADATA"))
    sources = {f"local_kubernetes/{file.name}" for file in (ROOT / "src/local_kubernetes").glob("*.*")}
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert "local_kubernetes/py.typed" in sources
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith("/licenses/LICENSE") for name in names)
