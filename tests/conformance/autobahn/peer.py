"""The fuzzing end of one WebSocket connection: sends what a case asks, legal or not."""

import asyncio
import base64
import hashlib
import os
import struct

from cases import Protocol

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# As in the reference client: seconds to wait for the closing frame, then for the end of TCP.
CLOSE_TIMEOUT = 1
DROP_TIMEOUT = 1


class Peer(Protocol):
    """What a case knows as `self.p`. Strings are Python 2's: one character per octet."""

    class factory:
        isServer = False

    def __init__(self, case_class):
        self.state = self.STATE_CONNECTING
        self.connectionWasOpen = False
        self.closedByMe = False
        self.failedByMe = False
        self.droppedByMe = False
        self.wasClean = False
        self.localCloseCode = self.localCloseReason = None
        self.remoteCloseCode = self.remoteCloseReason = None
        self.createWirelog = False
        self.autoFragmentSize = 0
        self.txFrameStats = {}
        self.timers = []
        self.outgoing = asyncio.Queue()
        self.message = None
        self.frame_mask = None
        self.frame_opcode = None
        self.frame_sent = 0
        self.case = case_class(self)

    # What cases call.

    def sendFrame(self, opcode, payload="", fin=True, rsv=0, mask=None, payload_len=None,
                  chopsize=None, sync=False):
        data = payload.encode("latin-1")
        if payload_len is not None:
            data = (data * (payload_len // len(data) + 1))[:payload_len]
        self.txFrameStats[opcode] = self.txFrameStats.get(opcode, 0) + 1
        mask = os.urandom(4)
        self.write(header(opcode, fin, rsv, len(data), mask) + masked(data, mask), chopsize)

    def sendMessage(self, payload, isBinary=False, fragmentSize=None, sync=False):
        if self.state != self.STATE_OPEN:
            return
        size = fragmentSize or self.autoFragmentSize or max(len(payload), 1)
        pieces = [payload[i : i + size] for i in range(0, len(payload), size)] or [""]
        for i, piece in enumerate(pieces):
            opcode = 0 if i else (2 if isBinary else 1)
            self.sendFrame(opcode, piece, fin=i == len(pieces) - 1)

    def beginMessage(self, isBinary=False):
        self.frame_opcode = 2 if isBinary else 1

    def beginMessageFrame(self, length):
        self.frame_mask, self.frame_sent = os.urandom(4), 0
        self.write(header(self.frame_opcode, False, 0, length, self.frame_mask))
        self.frame_opcode = 0

    def sendMessageFrameData(self, payload):
        if self.state != self.STATE_OPEN:
            return
        at = self.frame_sent % 4
        mask = self.frame_mask[at:] + self.frame_mask[:at]
        self.write(masked(payload.encode("latin-1"), mask))
        self.frame_sent += len(payload)

    def endMessage(self):
        if self.state == self.STATE_OPEN:
            self.sendFrame(0, "", fin=True)

    def sendClose(self, code=None, reason=None):
        self.sendCloseFrame(code, reason)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        if self.state != self.STATE_OPEN:
            return
        payload = "" if code is None else struct.pack("!H", code).decode("latin-1")
        self.sendFrame(8, payload + (reasonUtf8 or ""))
        self.state = self.STATE_CLOSING
        self.closedByMe = not isReply
        self.localCloseCode, self.localCloseReason = code, reasonUtf8
        if self.closedByMe:
            self.later(CLOSE_TIMEOUT, self.give_up)

    def continueLater(self, delay, step, tag=None):
        self.later(delay, step)

    def killAfter(self, delay):
        self.later(delay, self.fail)

    def closeAfter(self, delay):
        self.later(delay, self.sendClose)

    def enableWirelog(self, enable):
        pass

    # The connection.

    async def run(self, host, port, path):
        """Opens the connection, plays the case, and returns once TCP is closed."""
        self.reader, self.writer = await asyncio.open_connection(host, port, limit=2**24)
        sender = None
        try:
            await self.handshake(host, port, path)
            sender = asyncio.create_task(self.send_all())
            self.state, self.connectionWasOpen = self.STATE_OPEN, True
            self.case.onOpen()
            while await self.read_frame():
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.state = self.STATE_CLOSED
            for timer in self.timers:
                timer.cancel()
            if sender:
                sender.cancel()
            self.writer.transport.abort()
        self.case.onConnectionLost(self.failedByMe)

    async def handshake(self, host, port, path):
        key = base64.b64encode(os.urandom(16))
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key.decode()}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        )
        self.writer.write(request.encode())
        answer = await self.reader.readuntil(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        if b" 101 " not in answer.split(b"\r\n")[0] or accept not in answer:
            raise OSError("the opening handshake was refused")

    async def read_frame(self):
        first, second = await self.reader.readexactly(2)
        fin, opcode = bool(first & 0x80), first & 0x0F
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        if first & 0x70 or second & 0x80 or (opcode >= 8 and (length > 125 or not fin)):
            return self.violated()
        payload = (await self.reader.readexactly(length)).decode("latin-1")
        if self.state == self.STATE_CLOSED:
            return False
        if opcode in (0, 1, 2):
            return self.on_data(opcode, fin, payload)
        if opcode == 8:
            return self.on_close(payload)
        if opcode == 9:
            if self.state == self.STATE_OPEN:
                self.sendFrame(10, payload)
            self.case.onPing(payload)
            return True
        if opcode == 10:
            self.case.onPong(payload)
            return True
        return self.violated()

    def on_data(self, opcode, fin, payload):
        if (opcode == 0) != (self.message is not None):
            return self.violated()
        if opcode:
            self.message = (opcode == 2, [])
        binary, parts = self.message
        parts.append(payload)
        if fin:
            self.message = None
            if self.state == self.STATE_OPEN:
                self.case.onMessage("".join(parts), binary)
        return True

    def on_close(self, payload):
        if len(payload) >= 2:
            (self.remoteCloseCode,) = struct.unpack("!H", payload[:2].encode("latin-1"))
            self.remoteCloseReason = payload[2:]
        self.wasClean = True
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(1000, isReply=True)
        self.later(DROP_TIMEOUT, self.give_up)
        return True

    def violated(self):
        self.failedByMe = True
        self.sendCloseFrame(1002)
        return False

    def fail(self):
        """The case waited long enough: close, or drop TCP when closing already."""
        self.failedByMe = True
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(1001, "Going Away")
        else:
            self.drop()

    def give_up(self):
        """The peer owed a closing frame or the end of TCP and gave neither in time."""
        self.wasClean = False
        self.drop()

    def drop(self):
        self.droppedByMe = True
        self.state = self.STATE_CLOSED
        self.writer.transport.abort()

    def later(self, delay, step):
        def fire():
            if self.state != self.STATE_CLOSED:
                step()

        self.timers.append(asyncio.get_running_loop().call_later(delay, fire))

    def write(self, data, chopsize=None):
        self.outgoing.put_nowait((data, chopsize or len(data)))

    async def send_all(self):
        """One writer keeps frames whole while chopped ones leave piece by piece."""
        try:
            while True:
                data, size = await self.outgoing.get()
                for start in range(0, len(data), size):
                    self.writer.write(data[start : start + size])
                    await self.writer.drain()
                    if size < len(data):
                        await asyncio.sleep(0)
        except OSError:
            pass


def header(opcode, fin, rsv, length, mask):
    first = (0x80 if fin else 0) | (rsv % 8) << 4 | opcode % 128
    if length <= 125:
        return bytes([first, 0x80 | length]) + mask
    if length <= 0xFFFF:
        return bytes([first, 0x80 | 126]) + struct.pack("!H", length) + mask
    return bytes([first, 0x80 | 127]) + struct.pack("!Q", length) + mask


def masked(data, mask):
    if not data:
        return data
    key = (mask * (len(data) // 4 + 1))[: len(data)]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(key, "big")
    return mixed.to_bytes(len(data), "big")
