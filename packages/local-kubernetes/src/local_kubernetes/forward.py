"""``pods/NAME/portforward``: a TCP connection to a pod through a websocket, as ``v4.channel.k8s.io``."""

from __future__ import annotations

import asyncio
import struct

from aiohttp import WSMsgType, web

from .objects import ApiError
from .resources import Object


async def port_forward(http: web.BaseRequest, pod: Object) -> web.WebSocketResponse:
    """Serve one websocket until it closes. Each port has a channel for data and one for errors."""
    ports = [int(port) for port in http.query.get("ports", "").split(",") if port]
    if not ports:
        raise ApiError(400, "BadRequest", 'query parameter "port" is required')
    address = pod.get("status", {}).get("podIP")
    if not address:
        raise ApiError(400, "BadRequest", f"pod {pod['metadata']['name']} does not have a host assigned")
    websocket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",), compress=False, timeout=1)
    await websocket.prepare(http)
    for index, port in enumerate(ports):
        for channel in (2 * index, 2 * index + 1):
            await websocket.send_bytes(struct.pack("<BH", channel, port))
    writers: list[asyncio.StreamWriter] = []
    pumps: list[asyncio.Task[None]] = []
    try:
        for index, port in enumerate(ports):
            try:
                reader, writer = await asyncio.open_connection(address, port)
            except OSError as error:
                text = f"error forwarding port {port} to pod {pod['metadata']['name']}: {error}"
                await websocket.send_bytes(bytes([2 * index + 1]) + text.encode())
                return websocket
            writers.append(writer)
            pumps.append(asyncio.create_task(_to_websocket(reader, websocket, 2 * index)))
        async for message in websocket:
            if message.type is WSMsgType.BINARY and message.data[0] % 2 == 0:
                writer = writers[message.data[0] // 2]
                writer.write(message.data[1:])
                await writer.drain()
    except ConnectionError:
        pass  # either side is gone, which ends the other one
    finally:
        for pump in pumps:
            pump.cancel()
        for writer in writers:
            writer.close()
        await websocket.close()
    return websocket


async def _to_websocket(reader: asyncio.StreamReader, websocket: web.WebSocketResponse, channel: int) -> None:
    try:
        while data := await reader.read(256 * 1024):
            await websocket.send_bytes(bytes([channel]) + data)
    except ConnectionError:
        pass  # as above
    await websocket.close()
