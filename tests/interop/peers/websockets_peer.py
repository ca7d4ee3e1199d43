import asyncio

import websockets

from driver import Session, drive, id_of

MAX_SIZE = 2**21


class WebsocketsSession(Session):
    def __init__(self, id, socket):
        super().__init__(id)
        self.socket = socket
        self.send = socket.send
        self.fragments = socket.send

    async def run(self):
        names = [extension.name for extension in self.socket.extensions]
        self.opened(self.socket.subprotocol, ", ".join(names))
        try:
            async for message in self.socket:
                await self.message(message)
        except websockets.ConnectionClosed:
            pass
        await self.socket.wait_closed()
        self.closed(self.socket.close_code, self.socket.close_reason)

    async def ping(self, payload):
        waiter = await self.socket.ping(payload)
        await waiter
        self.ponged(payload)

    async def close(self, code, reason):
        await self.socket.close(code or 1000, reason or "")

    async def terminate(self):
        self.socket.transport.abort()


def settings(options):
    return {
        "compression": "deflate" if options["compression"] else None,
        "subprotocols": options["protocols"] or None,
        "max_size": MAX_SIZE,
        "ping_interval": None,
    }


async def connect(id, url, options):
    async with websockets.connect(url, **settings(options)) as socket:
        await WebsocketsSession(id, socket).run()


async def listen(options):
    async def handle(socket):
        await WebsocketsSession(id_of(socket.path), socket).run()

    server = await websockets.serve(handle, "127.0.0.1", 0, **settings(options))
    return server.sockets[0].getsockname()[1]


asyncio.run(drive(f"websockets {websockets.__version__}", connect, listen))
