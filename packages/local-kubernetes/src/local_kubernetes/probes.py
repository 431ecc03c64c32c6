"""Readiness probes, really asked."""

from __future__ import annotations

import asyncio

import aiohttp

from .resources import Object
from .services import named_port


async def is_up(probe: Object, pod: Object, address: str) -> bool:
    """Whether a container answers its probe; one that is not served here counts as answered."""
    timeout = aiohttp.ClientTimeout(total=probe.get("timeoutSeconds", 1))
    try:
        if "httpGet" in probe:
            url = f"http://{address}:{named_port(pod, probe['httpGet']['port'])}{probe['httpGet'].get('path', '/')}"
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
                return 200 <= answer.status < 400
        if "tcpSocket" in probe:
            _, writer = await asyncio.open_connection(address, named_port(pod, probe["tcpSocket"]["port"]))
            writer.close()
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
    return True
