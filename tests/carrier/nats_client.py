"""A client of NATS and JetStream that is not the one under test: enough of the protocol to look into streams and to
publish what a carrier never would. https://docs.nats.io/reference/reference-protocols/nats-protocol"""
import base64
import json
import socket
import time


class NatsError(Exception):
    pass


class Client:
    """One connection, for one thread. Every call ends within `limit` seconds."""

    def __init__(self, address, user=None, password=None, key=None, jwt=None, tls=None, limit=10):
        host, port = address.removeprefix("nats://").split(":")
        self.socket = socket.create_connection((host, int(port)), limit)
        self.buffer = b""
        self.replies = 0
        try:
            self._log_in(host, user, password, key, jwt, tls)
        except Exception:
            self.socket.close()
            raise

    def _log_in(self, host, user, password, key, jwt, tls):
        line = self._line()
        if not line.startswith(b"INFO "):
            raise NatsError(line)
        self.info = json.loads(line[5:])
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "name": "test",
                   "lang": "python", "version": "1", "protocol": 1}
        if user is not None:
            options |= {"user": user, "pass": password}
        if key is not None:
            signature = base64.urlsafe_b64encode(key.sign(self.info["nonce"].encode())).decode().rstrip("=")
            options |= {"sig": signature} | ({"jwt": jwt} if jwt else {"nkey": key.public})
        inbox = base64.b32encode(f"{id(self)}{time.monotonic_ns()}".encode()).decode().rstrip("=")
        self.inbox = f"_INBOX.{inbox}"
        self._send(b"CONNECT " + json.dumps(options).encode() + b"\r\nSUB " + self.inbox.encode() + b".* 1\r\nPING\r\n")
        while (line := self._line()) != b"PONG":
            if line.startswith(b"-ERR"):
                raise NatsError(line.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        part = self.socket.recv(1 << 18)
        if not part:
            raise NatsError("the server closed the connection")
        self.buffer += part

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _bytes(self, count):
        while len(self.buffer) < count + 2:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count + 2:]
        return data

    def next(self):
        """(subject, reply, headers, payload) of the next message."""
        while True:
            line = self._line()
            word, _, rest = line.partition(b" ")
            if word == b"PING":
                self._send(b"PONG\r\n")
            elif word == b"-ERR":
                raise NatsError(line.decode())
            elif word in (b"MSG", b"HMSG"):
                fields = rest.decode().split(" ")
                total = int(fields[-1])
                head = int(fields[-2]) if word == b"HMSG" else 0
                reply = fields[2] if len(fields) == (5 if head else 4) else ""
                data = self._bytes(total)
                return fields[0], reply, data[:head], data[head:]

    def publish(self, subject, payload=b"", headers=None, reply="", status=""):
        if headers or status:
            first = f"NATS/1.0 {status}".rstrip().encode() + b"\r\n"
            head = first + b"".join(f"{key}: {value}\r\n".encode() for key, value in (headers or {}).items()) + b"\r\n"
            self._send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}\r\n".encode() + head + payload + b"\r\n")
        else:
            self._send(f"PUB {subject} {reply} {len(payload)}\r\n".encode() + payload + b"\r\n")

    def flush(self):
        """Returns when the server has processed all that was sent; only where no message can come in between."""
        self._send(b"PING\r\n")
        while (line := self._line()) != b"PONG":
            if line.startswith(b"-ERR"):
                raise NatsError(line.decode())

    def subscribe(self, subject):
        self._send(f"SUB {subject} 2\r\n".encode())

    def request(self, subject, payload=b"", headers=None):
        """(headers, payload) of the first reply."""
        self.replies += 1
        reply = f"{self.inbox}.{self.replies}"
        self.publish(subject, payload, headers, reply)
        while True:
            to, _, head, data = self.next()
            if to == reply:
                if head.startswith(b"NATS/1.0 503"):
                    raise NatsError(f"nobody answers on {subject}")
                return head, data

    def fetch(self, stream, consumer):
        """(subject, acknowledgement, headers, payload) of the next message that the consumer gives out."""
        self.replies += 1
        self.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", b"1", reply=f"{self.inbox}.{self.replies}")
        message = self.next()
        if not message[1].startswith("$JS.ACK."):
            raise NatsError(f"{consumer}: {message}")
        return message

    def api(self, call, body=None):
        """A call of JetStream's API, such as STREAM.INFO.orders."""
        answer = json.loads(self.request("$JS.API." + call, json.dumps(body).encode() if body else b"")[1])
        if "error" in answer:
            raise NatsError(f"{call}: {answer['error']['err_code']} {answer['error']['description']}")
        return answer

    def streams(self):
        """The states of all streams, by name."""
        found = self.api("STREAM.LIST", {"offset": 0})["streams"] or []
        return {stream["config"]["name"]: stream for stream in found}

    def store(self, subject, payload, headers=None):
        """Publishes to a stream and returns its acknowledgement."""
        answer = json.loads(self.request(subject, payload, headers)[1])
        if "error" in answer:
            raise NatsError(f"{subject}: {answer['error']['err_code']} {answer['error']['description']}")
        return answer

    def message(self, stream, sequence):
        """(subject, headers, payload) of a stored message."""
        found = self.api(f"STREAM.MSG.GET.{stream}", {"seq": sequence})["message"]
        return found["subject"], base64.b64decode(found.get("hdrs", "")), base64.b64decode(found.get("data", ""))

    def messages(self, stream):
        """All messages of a stream, as (sequence, subject, headers, payload)."""
        state = self.api(f"STREAM.INFO.{stream}")["state"]
        for sequence in range(state["first_seq"], state["last_seq"] + 1) if state["messages"] else ():
            try:
                yield sequence, *self.message(stream, sequence)
            except NatsError as error:
                if "10037" not in str(error):  # no such message: it was removed
                    raise
