"""What ``qiskit-cluster doctor`` finds out about Kubernetes, in one round of questions that starts nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

from ...errors import ClusterApiError, ClusterConfigError
from ..doctor.findings import Finding
from ..doctor.running import running_at
from .api import CLUSTERS, INSTALL, OPERATOR, RIGHTS_FILE, Answer, Api, connected
from .config import KubernetesConfig, parse_quantity
from .forward import Forward, is_outside
from .pods import ready
from .rights import RIGHTS, Right, of_use
from .spec import GPU, GROUP, manifest, new_name
from .start import GOING, Place

_KINDS = {"daskclusters", "daskworkergroups", "daskautoscalers"}
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_MOST_NODES = 500  # in a larger cluster, a worker fits somewhere


def findings(config: KubernetesConfig) -> Iterator[Finding]:
    """The findings for ``aer-k8s``."""
    yield image_finding(config)
    try:
        with connected() as api:
            namespace = config.namespace or api.namespace
            yield reached(api, namespace)
            asked = {
                "namespace": ("GET", f"/api/v1/namespaces/{namespace}", None),
                "kinds": ("GET", CLUSTERS, None),
                "operator": ("GET", f"/apis/apps/v1/deployments?labelSelector={quote(OPERATOR)}", None),
                "operator's pods": ("GET", f"/api/v1/pods?labelSelector={quote(OPERATOR)}", None),
                "nodes": ("GET", f"/api/v1/nodes?limit={_MOST_NODES}", None),
                "quotas": ("GET", f"/api/v1/namespaces/{namespace}/resourcequotas", None),
                "clusters": ("GET", f"{CLUSTERS}/namespaces/{namespace}/daskclusters", None),
            }
            wanted = of_use(RIGHTS, is_outside(config.port_forward))
            reviews = reviewed(wanted, namespace)
            answers = api.all([*asked.values(), *reviews.values()])
            found = dict(zip(asked, answers, strict=False))
            if (refused := login(answers)) is not None:
                yield refused
                return
            yield namespace_finding(namespace, found["namespace"])
            yield from _spec(config, namespace)
            kinds = _kinds(found["kinds"])
            yield kinds
            if kinds.ok:
                yield _operator(found["operator"], found["operator's pods"])
            yield from rights(wanted, dict(zip(reviews, answers[len(asked) :], strict=True)), namespace)
            if config.spec is None and config.create:
                yield _room(config, found["nodes"], found["quotas"])
            yield from _name(config, namespace, found["clusters"])
            if config.name is not None and config.keep and _is_there(config.name, found["clusters"]):
                yield from _workers(Place(api, namespace, config.name))
    except ClusterApiError as error:
        yield Finding.failed("Kubernetes", error)


def reached(api: Api, namespace: str) -> Finding:
    """The finding that the API server answers."""
    where = f"context {api.context}" if api.context else "this pod's ServiceAccount"
    return Finding("API server", f"{api.server} answers ({where}, namespace {namespace})")


def login(answers: Iterable[Answer]) -> Finding | None:
    """The finding that the login is refused, if it is. All others would then say the same."""
    for one in answers:
        if isinstance(one, ClusterApiError) and one.status == 401:
            return Finding.failed("login", one)
    return None


def namespace_finding(name: str, answer: Answer) -> Finding:
    """Whether the namespace exists, as far as the user may see."""
    if isinstance(answer, ClusterApiError) and answer.status == 404:
        return Finding("namespace", f"there is no namespace {name!r}", False, f"kubectl create namespace {name}")
    if isinstance(answer, ClusterApiError):  # most users may not read namespaces; the rights below tell
        return Finding("namespace", f"{name} cannot be looked at; the rights tell whether it can be used", None)
    return Finding("namespace", f"{name} exists")


def image_finding(config: KubernetesConfig) -> Finding:
    """Whether the settings name an image with a tag of its own."""
    if config.spec is not None or not config.create:
        return Finding("image", "of the spec" if config.spec is not None else "of the cluster that runs")
    if config.image is None:
        mend = "Give image= or set QISKIT_CLUSTER_IMAGE; to make one: docker build -f deploy/Dockerfile -t NAME:TAG ."
        return Finding("image", "no image is named, and workers need one with this package in it", False, mend)
    last = config.image.rpartition("/")[2]
    if "@" not in last and (":" not in last or last.endswith(":latest")):
        mend = f"docker tag {shlex.quote(config.image)} NAME:TAG"
        return Finding("image", f"{config.image} has no tag of its own, and is pulled at every start", None, mend)
    return Finding("image", f"{config.image}; whether the nodes can pull it shows when it starts")


def _spec(config: KubernetesConfig, namespace: str) -> Iterator[Finding]:
    """The finding that a manifest cannot be used, as far as that shows without asking Kubernetes."""
    if config.spec is not None:
        try:
            manifest(config, new_name(), namespace)
        except ClusterConfigError as error:
            yield Finding.failed("spec", error)


def reviewed(rights: Sequence[Right], namespace: str) -> dict[tuple[Right, str], tuple[str, str, Any]]:
    """The requests that ask for rights, one for each verb."""
    questions = {}
    for right in rights:
        resource, _, subresource = right.resource.partition("/")
        for verb in right.verbs:
            attributes = {"group": right.group, "resource": resource, "verb": verb, "namespace": namespace}
            if subresource:
                attributes["subresource"] = subresource
            body = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            }
            questions[right, verb] = ("POST", _REVIEWS, body)
    return questions


def rights(
    wanted: Sequence[Right], answers: Mapping[tuple[Right, str], Answer], namespace: str, file: str = RIGHTS_FILE
) -> Iterator[Finding]:
    """A finding for each missing right, or one that no right is missing."""
    missing = False
    for answer in answers.values():
        if isinstance(answer, ClusterApiError):  # no answer is no refusal
            yield Finding.failed("rights", answer)
            return
    for right in wanted:
        verbs = [verb for verb in right.verbs if not _allowed(answers[right, verb])]
        if verbs:
            missing = True
            said = f"no right to {', '.join(verbs)} {right.resource} in {namespace}, to {right.why}"
            # The files name their namespace where kubectl's own option has no say.
            mend = f"sed -E 's/: qiskit(-helm)?$/: {namespace}/' {file} | kubectl apply -f -"
            yield Finding("rights", said, False if right.needed else None, mend)
    if not missing:
        yield Finding("rights", f"all {sum(len(right.verbs) for right in wanted)} that are of use in {namespace}")


def _allowed(answer: Answer) -> bool:
    return not isinstance(answer, ClusterApiError) and bool(answer.get("status", {}).get("allowed"))


def _kinds(answer: Answer) -> Finding:
    if isinstance(answer, ClusterApiError) and answer.status != 404:
        return Finding.failed("custom resources", answer)
    there = set() if isinstance(answer, ClusterApiError) else {one["name"] for one in answer.get("resources", [])}
    if missing := sorted(_KINDS - there):
        said = f"the cluster knows no {', '.join(missing)} of {GROUP}: dask-kubernetes' operator is not installed"
        return Finding("custom resources", said, False, INSTALL)
    return Finding("custom resources", f"{GROUP} is installed")


def _operator(deployments: Answer, pods: Answer) -> Finding:
    if isinstance(deployments, ClusterApiError) or isinstance(pods, ClusterApiError):
        return Finding("operator", "cannot be looked at from here; a start tells within 30 s whether it runs", None)
    running = [pod for pod in pods["items"] if ready(pod)]
    if running:
        meta = running[0]["metadata"]
        return Finding("operator", f"{meta['name']} runs in {meta['namespace']}")
    if there := [*deployments["items"], *pods["items"]]:
        meta = there[0]["metadata"]
        mend = f"kubectl rollout restart -n {meta['namespace']} deployment -l {OPERATOR}, or scale it to 1"
        return Finding("operator", f"{meta['name']} in {meta['namespace']} has no pod that is ready", False, mend)
    said = f"no pod has the label {OPERATOR}; if it was installed otherwise, a start tells within 30 s"
    return Finding("operator", said, None, INSTALL)


def _room(config: KubernetesConfig, nodes: Answer, quotas: Answer) -> Finding:
    """Whether a node is large enough for a worker, and whether quotas leave room for all workers."""
    asked = {"cpu": parse_quantity(config.cpu), "memory": parse_quantity(config.memory)}
    if config.gpu:
        asked[GPU] = float(config.gpu)
    each = f"cpu={config.cpu}, memory={config.memory}" + (f", gpu={config.gpu}" if config.gpu else "")
    if not isinstance(quotas, ClusterApiError):
        for quota in quotas["items"]:
            if said := _over(quota, asked, max(1, config.smallest)):
                mend = f"Ask for less, or kubectl describe quota -n {quota['metadata']['namespace']}"
                return Finding("resources", said, None, mend)
    if isinstance(nodes, ClusterApiError):
        return Finding("resources", f"nodes cannot be looked at; workers ask for {each}", None)
    usable = [node for node in nodes["items"] if not node.get("spec", {}).get("unschedulable")]
    usable = [node for node in usable if _selected(node, config.node_selector)]
    for name, amount in asked.items():
        largest = max((_allocatable(node, name) for node in usable), default=0.0)
        if largest < amount:
            has = f"{largest:g}" if name != "memory" else f"{largest / 2**30:.1f} GiB"
            said = f"no node has the {name} that a worker asks for ({each}; the largest has {has})"
            return Finding("resources", said, None, "Unless an autoscaler brings one: kubectl describe nodes")
    fitting = sum(min(int(_allocatable(node, name) / amount) for name, amount in asked.items()) for node in usable)
    said = f"{len(usable)} nodes have room for {fitting} workers ({each}) when nothing else runs there"
    if fitting < config.smallest:
        return Finding("resources", said, None, "Unless an autoscaler brings more: kubectl describe nodes")
    return Finding("resources", said)


def _over(quota: Mapping[str, Any], asked: Mapping[str, float], workers: int) -> str:
    status = quota.get("status", {})
    wanted = {name: amount * workers for name, amount in asked.items()} | {"pods": workers + 1.0}
    for name, amount in wanted.items():
        for key in (name, f"requests.{name}", f"limits.{name}"):
            if key in status.get("hard", {}):
                left = parse_quantity(status["hard"][key]) - parse_quantity(status.get("used", {}).get(key, 0))
                if left < amount:
                    return f"quota {quota['metadata']['name']} leaves {left:g} {key}, and {amount:g} are asked for"
    return ""


def _selected(node: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    labels = node["metadata"].get("labels", {})
    return all(labels.get(key) == value for key, value in selector.items())


def _allocatable(node: Mapping[str, Any], name: str) -> float:
    status = node.get("status", {})
    return parse_quantity((status.get("allocatable") or status.get("capacity") or {}).get(name, 0))


def _is_there(name: str, answer: Answer) -> bool:
    return not isinstance(answer, ClusterApiError) and any(one["metadata"]["name"] == name for one in answer["items"])


def _workers(place: Place) -> Iterator[Finding]:
    """The versions that the scheduler and the workers of a running cluster have."""
    now = place.look()
    if not now.scheduler_ready:
        hopeless = [one for one in now.troubles if one.final and one.of_scheduler]
        why = str(place.explain((hopeless or now.troubles)[0])) if now.troubles else place.pods_shown_by
        said = f"its pod is not ready ({now.scheduler or 'there is none'})"
        yield Finding("scheduler", said, False if hopeless else None, why)  # or it is just being started
        return

    def silent(error: OSError) -> Finding:
        said = f"it does not answer, though its pod is ready ({type(error).__name__}: {error})"
        return Finding("scheduler", said, False, place.pods_shown_by)

    try:
        with closing(Forward(place.namespace, f"{place.name}-scheduler", 8786)) as forward:
            yield from running_at(f"tcp://localhost:{forward.port}", silent)
    except OSError as error:
        yield silent(error)


def _name(config: KubernetesConfig, namespace: str, answer: Answer) -> Iterator[Finding]:
    if config.name is None or isinstance(answer, ClusterApiError):
        return
    there = sorted(one["metadata"]["name"] for one in answer["items"])
    going = [one["metadata"]["name"] for one in answer["items"] if "deletionTimestamp" in one["metadata"]]
    if config.name in going:
        yield Finding("name", f"DaskCluster {config.name!r} in {namespace} is being deleted", False, GOING)
    elif config.name in there and not config.keep:
        mend = "keep=True uses it and leaves it running; without name= there is a cluster of your own"
        yield Finding("name", f"there is a DaskCluster {config.name!r} in {namespace} already", False, mend)
    elif config.name in there:
        yield Finding("name", f"DaskCluster {config.name!r} runs in {namespace}, and is left running")
    elif not config.create:
        said = f"there is no DaskCluster {config.name!r} in {namespace}; there: {', '.join(there) or 'none'}"
        yield Finding("name", said, False, "qiskit-cluster clusters")
    else:
        yield Finding("name", f"{config.name} is free in {namespace}")
