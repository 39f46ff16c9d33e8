"""nkeys, credentials and certificates for the tests, made with openssl alone."""
import base64
import binascii
import json
import pathlib
import subprocess
import tempfile

PREFIX = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
SEED = 18 << 3


def _openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


def _encode(data):
    crc = binascii.crc_hqx(data, 0)  # CRC-16/XMODEM
    return base64.b32encode(data + crc.to_bytes(2, "little")).decode().rstrip("=")


class Key:
    """An Ed25519 key as nkeys write it: `public` (U..., A..., O...) and `seed` (S...)."""

    def __init__(self, kind):
        self._key = _openssl("genpkey", "-algorithm", "ed25519", "-outform", "DER")
        public = _openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", data=self._key)[-32:]
        prefix = PREFIX[kind]
        self.public = _encode(bytes([prefix]) + public)
        self.seed = _encode(bytes([SEED | prefix >> 5, (prefix & 31) << 3]) + self._key[-32:])

    def sign(self, data):
        with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as text:
            key.write(self._key), key.flush()
            text.write(data), text.flush()
            return _openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", key.name, "-in", text.name)


def _base64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(issuer, subject, name, nats, issued=1700000000):
    """A JWT of NATS, version 2."""
    claims = {"iat": issued, "iss": issuer.public, "name": name, "sub": subject.public, "nats": {"version": 2, **nats}}
    claims["jti"] = base64.b32encode(json.dumps(claims).encode()[-32:]).decode().rstrip("=")
    text = _base64(b'{"typ":"JWT","alg":"ed25519-nkey"}') + "." + _base64(json.dumps(claims).encode())
    return text + "." + _base64(issuer.sign(text.encode()))


class Operator:
    """An operator with one account, whose configuration a server can include, and credentials of its users."""

    def __init__(self):
        self.key, self.account, self.system, self.revoked = Key("operator"), Key("account"), Key("account"), {}

    def configuration(self):
        unlimited = {name: -1 for name in ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage",
                                           "disk_storage", "streams", "consumer")}
        nats = {"type": "account", "limits": {**unlimited, "wildcards": True}, "revocations": self.revoked}
        own = token(self.key, self.key, "operator", {"type": "operator", "system_account": self.system.public})
        account = token(self.key, self.account, "account", nats)
        limits = {name: unlimited[name] for name in ("subs", "data", "payload", "imports", "exports", "conn", "leaf")}
        system = token(self.key, self.system, "system", {"type": "account", "limits": {**limits, "wildcards": True}})
        return (f"operator: {own}\nsystem_account: {self.system.public}\nresolver: MEMORY\n"
                f"resolver_preload: {{ {self.account.public}: {account}, {self.system.public}: {system} }}\n")

    def user(self, key):
        """The token of the user with this key."""
        return token(self.account, key, "carrier", {"type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1})

    def credentials(self, key):
        """The text of its .creds file."""
        return (f"-----BEGIN NATS USER JWT-----\n{self.user(key)}\n------END NATS USER JWT------\n\n"
                f"-----BEGIN USER NKEY SEED-----\n{key.seed}\n------END USER NKEY SEED------\n")

    def revoke(self, key, issued=1800000000):
        self.revoked[key.public] = issued


def certificates(place):
    """Writes ca.pem, and server.pem, client.pem, other.pem with their .key files, to the directory. `other` is signed by an
    authority of its own, and `expired` expired yesterday."""
    place = pathlib.Path(place)

    def authority(name):
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", f"/CN={name}", "-keyout", str(place / f"{name}.key"), "-out", str(place / f"{name}.pem"))

    def issue(name, by, days=30):
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", str(place / f"{name}.key"), "-out", str(place / f"{name}.csr"))
        (place / "extensions").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _openssl("x509", "-req", "-in", str(place / f"{name}.csr"), "-CA", str(place / f"{by}.pem"),
                 "-CAkey", str(place / f"{by}.key"), "-CAcreateserial", "-days", str(days),
                 "-extfile", str(place / "extensions"), "-out", str(place / f"{name}.pem"))

    authority("ca")
    authority("stranger")
    issue("server", "ca")
    issue("client", "ca")
    issue("other", "stranger")
    issue("expired", "ca", -1)
