import asyncio

import tornado
from tornado import httpserver, netutil, web, websocket

from driver import Session, drive, id_of, select

MAX_SIZE = 2**21


class TornadoSession(Session):
    def __init__(self, id, socket):
        super().__init__(id)
        self.socket = socket

    async def send(self, data):
        await self.socket.write_message(data, binary=isinstance(data, bytes))

    async def ping(self, payload):
        self.socket.ping(payload)

    async def close(self, code, reason):
        self.socket.close(code, reason)


async def connect(id, url, options):
    socket = await websocket.websocket_connect(
        url,
        subprotocols=options["protocols"] or None,
        compression_options={} if options["compression"] else None,
        max_message_size=MAX_SIZE,
    )
    session = socket.session = TornadoSession(id, socket)
    socket.on_pong = session.ponged
    session.opened(socket.selected_subprotocol)
    while (message := await socket.read_message()) is not None:
        await session.message(message)
    session.closed(socket.close_code, socket.close_reason)


async def listen(options):
    class Handler(websocket.WebSocketHandler):
        def open(self, path):
            self.session = TornadoSession(id_of(path), self)
            self.session.opened(self.selected_subprotocol)

        def select_subprotocol(self, subprotocols):
            return select(subprotocols, options["protocols"])

        def get_compression_options(self):
            return {} if options["compression"] else None

        async def on_message(self, message):
            await self.session.message(message)

        def on_pong(self, data):
            self.session.ponged(data)

        def on_close(self):
            self.session.closed(self.close_code, self.close_reason)

    app = web.Application([(r"/(.*)", Handler)], websocket_max_message_size=MAX_SIZE)
    server = httpserver.HTTPServer(app)
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    return sockets[0].getsockname()[1]


asyncio.run(drive(f"tornado {tornado.version}", connect, listen))
