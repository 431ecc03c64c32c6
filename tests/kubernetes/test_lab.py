"""What the tests send to a real cluster, as far as it can be looked at without one."""

import base64

import pytest
import yaml

from ..deploy.documents import check
from .lab import ROLE, context_of, objects_of, without


def test_kubernetes_takes_the_account():
    paths = []
    for path, body in objects_of("tester", "team", without(ROLE, "get", "pods/log")):
        check(body)
        paths.append(path)
    assert paths[-1] == "/api/v1/namespaces/team/serviceaccounts/tester/token"


def test_a_right_less():
    def granted(rules):
        return {(one, verb) for rule in rules for one in rule["resources"] for verb in rule["verbs"]}

    assert granted(ROLE) - granted(without(ROLE, "get", "pods")) == {("pods", "get")}


@pytest.mark.parametrize("inline", [True, False])
def test_certificates_come_along(tmp_path, inline):
    text = base64.b64encode(b"pem").decode()
    secret = {"client-key-data": text} if inline else {"client-key": "key.pem"}
    (tmp_path / "key.pem").write_bytes(b"pem")
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1"}}],
        "users": [{"name": "other", "user": {}}, {"name": "u", "user": secret}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    found = context_of(str(tmp_path / "kubeconfig"))
    assert found == {"cluster": {"server": "https://10.0.0.1"}, "user": {"client-key-data": text}}
