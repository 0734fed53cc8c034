# SPDX-License-Identifier: MPL-2.0
"""A TCP proxy on the loopback interface, in a thread of its own, whose connections can be disturbed."""
import asyncio
import contextlib
import threading

PIECE = 65536


class Proxy:
    """`mode` is one of: pass, delay (each piece comes late), stall (nothing passes), cut (connections end, new ones are refused),
    truncate (the next piece is cut in half, and the connection ends). `late`: whether a piece that was held up arrives although its sender
    has given up meanwhile."""

    def __init__(self, target_port, late=True):
        self.target_port, self.late, self.mode, self.port = target_port, late, "pass", None
        self.writers = set()
        ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.serve, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait(60)

    def serve(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def set(self, mode):
        self.mode = mode
        if mode == "cut":
            self.loop.call_soon_threadsafe(self.cut)

    def cut(self):
        for writer in list(self.writers):
            writer.transport.abort()

    def end(self):
        self.loop.call_soon_threadsafe(self.cut)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    async def accept(self, reader, writer):
        self.writers.add(writer)
        try:
            if self.mode == "cut":
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
            self.writers.add(far_writer)
            try:
                await asyncio.gather(self.forward(reader, far_writer), self.forward(far_reader, writer))
            finally:
                self.writers.discard(far_writer)
                far_writer.transport.abort()
        except OSError:
            pass  # the end of a connection is what this program is for
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    async def forward(self, reader, writer):
        while piece := await reader.read(PIECE):
            while self.mode == "stall":
                await asyncio.sleep(0.02)
                if reader.at_eof() and not self.late:
                    raise ConnectionResetError
            if self.mode == "delay":
                await asyncio.sleep(0.05)
            if self.mode == "truncate":
                self.mode = "pass"
                writer.write(piece[:len(piece) // 2])
                with contextlib.suppress(OSError):
                    await writer.drain()
                raise ConnectionResetError
            writer.write(piece)
            await writer.drain()
        raise ConnectionResetError  # a connection of these protocols ends in both directions
