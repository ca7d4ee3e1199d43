import asyncio

import aiohttp
from aiohttp import web

from driver import Session, drive, id_of

MAX_SIZE = 2**21


class AiohttpSession(Session):
    def __init__(self, id, socket, transport):
        super().__init__(id)
        self.socket = socket
        self.transport = transport

    async def run(self, protocol):
        self.opened(protocol, "permessage-deflate" if self.socket.compress else "")
        reason = ""
        while not self.socket.closed:
            message = await self.socket.receive()
            match message.type:
                case aiohttp.WSMsgType.TEXT | aiohttp.WSMsgType.BINARY:
                    await self.message(message.data)
                case aiohttp.WSMsgType.PING:
                    await self.socket.pong(message.data)
                case aiohttp.WSMsgType.PONG:
                    self.ponged(message.data)
                case aiohttp.WSMsgType.CLOSE:
                    reason = message.extra
                case _:
                    break
        self.closed(self.socket.close_code, reason)

    async def send(self, data):
        if isinstance(data, str):
            await self.socket.send_str(data)
        else:
            await self.socket.send_bytes(data)

    async def ping(self, payload):
        await self.socket.ping(payload)

    async def close(self, code, reason):
        await self.socket.close(code=code or 1000, message=(reason or "").encode())

    async def terminate(self):
        self.transport.abort()


async def connect(id, url, options):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(
            url,
            protocols=options["protocols"],
            compress=15 if options["compression"] else 0,
            autoping=False,
            max_msg_size=MAX_SIZE,
        ) as socket:
            # There is no public way to the transport, which a test has to cut.
            transport = socket._response.connection.transport
            await AiohttpSession(id, socket, transport).run(socket.protocol)


async def listen(options):
    async def handle(request):
        socket = web.WebSocketResponse(
            protocols=options["protocols"],
            compress=options["compression"],
            autoping=False,
            max_msg_size=MAX_SIZE,
        )
        await socket.prepare(request)
        session = AiohttpSession(id_of(request.path), socket, request.transport)
        await session.run(socket.ws_protocol)
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner.addresses[0][1]


asyncio.run(drive(f"aiohttp {aiohttp.__version__}", connect, listen))
