MAGIC = bytes.fromhex("fabfb5da")
# Words around the end of a handshake: whoever hears another one knows that it is complete.
EARLY = ["version", "verack", "wtxidrelay", "sendaddrv2", "sendtxrcncl", "getaddr", "alert"]
# Seconds of real time that an expectation has beyond its own, and for which nobody may move before
# the next line is carried out.
GRACE = 5
QUIET = 0.25
# Most seconds that the node's clock is set forward at once.
STEP = 60


def checksum(payload):
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]


def message(name, payload):
    header = MAGIC + name.encode().ljust(12, b"\0") + struct.pack("<I", len(payload))
    return header + checksum(payload) + payload


class Peer:
    """A peer with one connection at a time. It heard (name, detail); ends are "closed" or "reset"."""

    def __init__(self, name):
        self.name = name
        self.honest = False
        self.reading = True
        self.socket = None
        self.unsent = self.buffer = b""
        self.heard = []
        self.ends = []
        self.ready = []
        self.own_end = False
        self.said = set()
        self.pinged = 0
        self.used = 0

    def dial(self, port):
        self.close()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.unsent = self.buffer = b""
        self.said = set()
        self.own_end = False
        if self.honest:
            self.say("version")

    def say(self, name):
        if self.socket and name not in self.said:
            self.said.add(name)
            self.unsent += bytes.fromhex(HANDSHAKES[self.name][name])

    def send(self, parts):
        for part in parts:
            if isinstance(part, int):
                # The nonce of the last ping that was heard, with these bits flipped.
                part = message("pong", struct.pack("<Q", self.pinged ^ part)).hex()
            self.unsent += bytes.fromhex(part)

    def close(self, how="closes"):
        if self.socket is None:
            return
        if how == "half-closes":
            self.work(0)
            self.socket.shutdown(socket.SHUT_WR)
            return
        if how == "resets":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self.socket = None
        self.own_end = True

    def work(self, now):
        """Sends and reads what can be. Returns whether anything moved."""
        before = (len(self.unsent), len(self.heard), len(self.ends))
        try:
            while self.socket and self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent):]
        except BlockingIOError:
            pass
        except OSError:
            # The next read says how it ended.
            self.unsent = b""
        while self.socket and self.reading:
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                self.end("reset", now)
                break
            if not data:
                self.end("closed", now)
                break
            self.buffer += data
            self.hear(now)
        return before != (len(self.unsent), len(self.heard), len(self.ends))

    def end(self, how, now):
        self.socket.close()
        self.socket = None
        self.ends.append((now, how))

    def hear(self, now):
        while len(self.buffer) >= 24:
            assert_equal(self.buffer[:4], MAGIC)
            length = struct.unpack("<I", self.buffer[16:20])[0]
            if len(self.buffer) < 24 + length:
                return
            name = self.buffer[4:16].rstrip(b"\0").decode()
            payload = self.buffer[24:24 + length]
            assert_equal(self.buffer[20:24], checksum(payload))
            self.buffer = self.buffer[24 + length:]
            has_nonce = name in ("ping", "pong") and length >= 8
            detail = struct.unpack("<Q", payload[:8])[0] if has_nonce else length
            self.heard.append((name, detail))
            if name not in EARLY:
                self.ready.append(now)
            if name == "ping":
                self.pinged = detail
            if self.honest and name == "version":
                self.say("version")
                self.say("verack")
            elif self.honest and name == "ping":
                self.unsent += message("pong", struct.pack("<Q", detail))

    def find(self, words, in_order, start):
        """Where in what it heard the words come to an end, or None if they are not all there."""
        end = position = 0
        for name, detail, times in words:
            for index in range(position if in_order else 0, len(self.heard) - start):
                is_it = self.heard[start + index][0] == name
                is_it = is_it and detail in (None, self.heard[start + index][1])
                if times and is_it:
                    times -= 1
                    position = index + 1
                    end = max(end, position)
            if times:
                return None
        return start + end


class ScheduleTest(BitcoinTestFramework):
    def set_test_params(self):
        self.setup_clean_chain = True
        self.num_nodes = 1
        self.extra_args = [OPTIONS]

    def setup_network(self):
        self.setup_nodes()

    def run_test(self):
        self.now = 0.0
        self.open = []
        self.peers = {name: Peer(name) for name in HANDSHAKES}
        self.nodes[0].setmocktime(START)
        for at, who, what, *more in STEPS:
            self.advance(at)
            self.log.info(f"{at} s: {who} {what}")
            self.carry_out(self.peers[who], what, *more)
        self.advance(self.now + 10)
        self.settle()
        self.judge()
        for who, what, words, start in self.open:
            if what == "never receives":
                name, detail, _ = words
                heard = self.peers[who].heard[start:]
                assert not any(name == n and detail in (None, d) for n, d in heard), f"{who}: {name}"
            else:
                assert self.peers[who].socket is not None, f"{who} was not kept"

    def carry_out(self, peer, what, *more):
        if what == "dials":
            peer.dial(p2p_port(0))
        elif what == "sends":
            peer.send(more)
        elif what == "is":
            peer.honest, peer.reading = more[0] == "honest", True
            if peer.honest and peer.socket:
                peer.say("version")
        elif what == "reads":
            peer.reading = more[0]
        elif what in ("closes", "resets", "half-closes"):
            peer.close(what)
        elif what == "never receives":
            self.open.append((peer.name, what, more, len(peer.heard)))
        elif what == "keeps":
            self.open.append((peer.name, what, None, None))
        else:
            self.waiting.append((peer, what, self.now, self.now + more[0], more[1:]))

    waiting: list = []

    def is_met(self, peer, what, since, _until, more):
        if what == "receives":
            end = peer.find(more[0], more[1], peer.used)
            peer.used = peer.used if end is None else max(peer.used, end)
            return end is not None
        if what == "drops":
            return any(at >= since for at, _ in peer.ends)
        return any(at >= since for at in peer.ready)

    def judge(self):
        """Gives what must be true by now its grace."""
        limit = time.time() + GRACE
        while True:
            self.waiting = [one for one in self.waiting if not self.is_met(*one)]
            late = [one for one in self.waiting if one[3] <= self.now]
            if not late:
                return
            peer, what = late[0][:2]
            assert time.time() < limit, f"{peer.name} {what}: heard {peer.heard}, ends {peer.ends}"
            self.settle()

    def settle(self):
        quiet_since = time.time()
        while time.time() - quiet_since < QUIET:
            if any([peer.work(self.now) for peer in self.peers.values()]):
                quiet_since = time.time()
            time.sleep(0.005)

    def advance(self, to):
        """Sets the clock forward, from one thing that is due to the next."""
        while self.now < to:
            self.settle()
            self.judge()
            due = [until for _, _, _, until, _ in self.waiting if until > self.now]
            before = int(self.now)
            self.now = min([to, self.now + STEP] + due)
            if int(self.now) != before:
                self.nodes[0].setmocktime(START + int(self.now))


if __name__ == "__main__":
    ScheduleTest(__file__).main()
