"""Whether NetworkPolicies let a connection in: rules for pods and namespaces, without those for IP addresses."""

from typing import NamedTuple


class Pod(NamedTuple):
    namespace: str
    labels: dict


def lets_in(policies, source, target, port):
    """Whether ``source`` may connect to a TCP port of ``target``. Without a policy for it, everybody may."""
    mine = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == target.namespace
        and "Ingress" in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], target.labels)
    ]
    return not mine or any(
        any(matches(peer, source, target) for peer in rule["from"]) and opens(rule, port)
        for policy in mine
        for rule in policy["spec"]["ingress"]
    )


def matches(peer, source, target):
    unknown = set(peer) - {"podSelector", "namespaceSelector"}
    assert not unknown, unknown
    if "namespaceSelector" in peer:
        # Kubernetes itself labels each namespace with its name.
        near = selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": source.namespace})
    else:
        near = source.namespace == target.namespace
    return near and selects(peer.get("podSelector", {}), source.labels)


def opens(rule, port):
    return "ports" not in rule or {"protocol": "TCP", "port": port} in rule["ports"]


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        holds(expression, labels) for expression in selector.get("matchExpressions", [])
    )


def holds(expression, labels):
    match expression["operator"]:
        case "Exists":
            return expression["key"] in labels
        case "In":
            return labels.get(expression["key"]) in expression["values"]
    raise NotImplementedError(expression["operator"])
