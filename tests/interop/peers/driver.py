"""What every Python peer does: echo messages, obey the commands that arrive as messages, and report.

The counterpart of driver.mjs, with the same commands and reports.
"""

import asyncio
import json
import sys

# Marks a text message as a command. No message under test starts with it.
COMMAND = '{"do":'


def report(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def id_of(path):
    return path.split("?")[0].strip("/")


def select(offered, protocols):
    return next((protocol for protocol in protocols if protocol in offered), None)


class Session:
    """One connection of a peer. A library overrides what it can do."""

    def __init__(self, id):
        self.id = id

    def opened(self, protocol, extensions=""):
        report(id=self.id, kind="open", protocol=protocol or "", extensions=extensions)

    def ponged(self, payload):
        report(id=self.id, kind="pong", payload=bytes(payload).decode())

    def closed(self, code, reason):
        report(id=self.id, kind="close", code=code, reason=reason or "")

    def failed(self, error):
        report(id=self.id, kind="error", message=repr(error))

    async def message(self, data):
        if not isinstance(data, str) or not data.startswith(COMMAND):
            return await self.send(data)
        command = json.loads(data)
        try:
            match command["do"]:
                case "ping":
                    await self.ping(command["payload"].encode())
                case "fragments":
                    pieces = command["pieces"]
                    if command["binary"]:
                        pieces = [piece.encode() for piece in pieces]
                    await self.fragments(pieces)
                case "close":
                    await self.close(command.get("code"), command.get("reason"))
                case "terminate":
                    await self.terminate()
        except Exception as error:
            self.failed(error)


async def drive(version, connect, listen):
    """Obeys the commands on stdin until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    report(kind="ready", version=version)
    running = set()
    while line := await reader.readline():
        command = json.loads(line)
        id, options = command["id"], command["options"]
        if command["do"] == "listen":
            report(id=id, kind="listening", port=await listen(options))
        else:
            task = asyncio.create_task(dial(connect, id, command["url"], options))
            running.add(task)
            task.add_done_callback(running.discard)
    for task in running:
        task.cancel()


async def dial(connect, id, url, options):
    try:
        await connect(id, url, options)
    except Exception as error:
        report(id=id, kind="error", message=repr(error))
