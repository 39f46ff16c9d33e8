#!/usr/bin/env python3
"""Requests of all kinds: each gets the status that HTTP has for it, and the panel goes on."""
import re
import socket
import subprocess
import time
import unittest

import rig


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.panel = rig.Panel(panel="actions = true\nhosts = panel.example\n")

    @classmethod
    def tearDownClass(cls):
        cls.panel.__exit__()

    def tearDown(self):
        self.assertEqual(self.panel.request("/api/session").status, 200, "the panel does not answer any more")

    def test_only_known_paths_exist(self):
        for path in ("/nothing", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/panel.css/",
                     "/panel.css%00.html", "/..%2f..%2fetc%2fpasswd", "/api/", "/api/link", "/api/link/", "/api/panel/peers",
                     "/api/nothing/peers", "/api/link/smoke", "/api/link/key", "/api/link/status%20--json", "/api/link/../session",
                     "/page/index.html", "/%", "/%zz", "/api/link/peers/"):
            with self.subTest(path=path):
                reply = self.panel.request(path)
                self.assertEqual(reply.status, 404)
                self.assertNotIn(b"root:", reply.body)
                self.assertEqual(reply.body.count(b"\n"), 1)

    def test_a_method_that_a_path_does_not_have_is_refused(self):
        for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
            for path in ("/", "/panel.js", "/api/state", "/api/link/peers", "/events", "/metrics", "/login"):
                with self.subTest(method=method, path=path):
                    reply = self.panel.request(path, method)
                    self.assertEqual(reply.status, 405)
                    self.assertIn("GET", reply.headers["Allow"])
        self.assertEqual(self.panel.request("/", "POST", "").status, 405)
        self.assertEqual(self.panel.request("/", "BREW").status, 501)
        head = self.panel.request("/", "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertGreater(int(head.headers["Content-Length"]), 100)

    def test_what_is_no_request_is_refused(self):
        for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/3.7\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"\xff\xfe\r\n\r\n",
                     b"GET / HTTP/1.1\r\nno colon\r\n\r\n"):
            with self.subTest(data=data):
                self.assertEqual(self.panel.raw(data).status, 400)

    def test_control_characters_and_continued_lines_are_refused(self):
        for line in (b"X: a\0b", b"X: a\r\n b", b"X: a\r\n\tb", b"X: a\nHost: evil", b"X: a\rb", b"X\x7f: a", b" X: a"):
            reply = self.panel.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n")
            self.assertEqual(reply.status, 400, line)

    def test_sizes_are_bounded(self):
        self.assertEqual(self.panel.request("/" + "a" * 9000).status, 431)
        self.assertEqual(self.panel.request("/", X="a" * 9000).status, 431)
        self.assertEqual(self.panel.request("/", Cookie="; ".join("paxect_panel=a" for _ in range(400))).status, 200)
        self.assertEqual(self.panel.request("/api/link/retry", "POST", Content_Length="65537").status, 413)
        self.assertEqual(self.panel.request("/api/link/retry", "POST", Content_Length="9" * 30).status, 413)
        many = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"a%d: b\r\n" % i for i in range(100000))
        with self.panel.connect() as client:
            try:
                client.sendall(many)
            except (BrokenPipeError, ConnectionResetError):
                pass
        # A list of ranges, which a parser may take much time and stack for.
        self.assertEqual(self.panel.request("/", Range="bytes=" + ",".join("0-1" for _ in range(1900))).status, 200)

    def test_a_body_needs_one_length(self):
        post = b"POST /api/link/retry HTTP/1.1\r\nHost: localhost\r\n"
        for more, status in ((b"\r\n", 411), (b"Content-Length: -1\r\n\r\n", 400), (b"Content-Length: a\r\n\r\n", 400),
                             (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400), (b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", 417),
                             (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411)):
            with self.subTest(more=more):
                self.assertEqual(self.panel.raw(post + more).status, status)
        self.assertEqual(self.panel.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello").status, 400)

    def test_a_second_request_on_a_connection_is_ignored(self):
        one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with self.panel.connect() as client:
            client.sendall(one + one)
            self.assertEqual(rig.read_all(client).count(b"HTTP/1.1"), 1)

    def test_foreign_names_and_origins_are_refused(self):
        self.assertEqual(self.panel.raw(b"GET / HTTP/1.1\r\n\r\n").status, 400)
        self.assertEqual(self.panel.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n").status, 400)
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "evil.example:localhost", "[::2]", "@localhost",
                     "localhost:80@evil.example", "localhost:evil", "127.0.0.1:80:80", "[::1]evil"):
            with self.subTest(host=host):
                self.assertEqual(self.panel.request("/", Host=host).status, 421)
        for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST", "panel.example"):
            self.assertEqual(self.panel.request("/", Host=host).status, 200)
        for path in ("/", "/api/session", "/events"):
            for origin in ("http://evil.example", "null", "http://localhost:81", "http://localhost.evil.example"):
                self.assertEqual(self.panel.request(path, Origin=origin).status, 403)
        self.assertEqual(self.panel.request("/api/session", Origin="http://localhost").status, 200)
        self.assertEqual(self.panel.request("/api/session", Sec_Fetch_Site="cross-site").status, 403)
        self.assertEqual(self.panel.request("/api/session", Sec_Fetch_Site="same-site").status, 403)
        self.assertEqual(self.panel.request("/", Sec_Fetch_Site="cross-site").status, 200, "a link to the page works")

    def test_an_action_needs_the_page_s_secret(self):
        csrf = self.panel.request("/api/session").json()["csrf"]
        post = lambda **headers: self.panel.request("/api/link/retry", "POST", '{"names": ["a"]}', **headers)
        self.assertEqual(post(Content_Type="application/json").status, 403)
        self.assertEqual(post(Content_Type="application/json", X_Paxect_Csrf="0" * 64).status, 403)
        self.assertEqual(post(Content_Type="text/plain", X_Paxect_Csrf=csrf).status, 415)
        for body in ("", "{", "[]", "{}", '{"names": []}', '{"names": [1]}', '{"names": [""]}', '{"names": ["a\\u0000b"]}',
                     '{"names": ["' + "a" * 5000 + '"]}', "[" * 60000, b'{"names": ["\xff"]}'):
            reply = self.panel.request("/api/link/retry", "POST", body, Content_Type="application/json", X_Paxect_Csrf=csrf)
            self.assertEqual(reply.status, 400, body[:40])
        self.assertEqual(self.panel.act("doctor", ["node"]).status, 400)
        self.assertEqual(self.panel.act("doctor", ["/etc"]).status, 400)
        self.assertEqual(self.panel.act("format", ["inbox"]).status, 404)

    def test_every_response_confines_the_page(self):
        for path in ("/", "/panel.js", "/api/state", "/nothing", "/login"):
            reply = self.panel.request(path)
            policy = reply.headers["Content-Security-Policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(reply.headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(reply.headers["Cache-Control"], "no-store")
        for path in ("/", "/login"):
            page = self.panel.request(path).body.decode()
            self.assertIsNone(re.search(r"\son\w+\s*=|\sstyle\s*=|<style|<script(?![^>]*\ssrc=)|https?://", page))

    def test_slow_clients_do_not_keep_others_out(self):
        slow = [self.panel.connect() for _ in range(300)]
        for client in slow:
            try:
                client.sendall(b"GET / HTTP/1.1\r\nHost: loc")
            except (BrokenPipeError, ConnectionResetError):
                pass  # it made room for another one
        begin = time.monotonic()
        self.assertEqual(self.panel.request("/").status, 200)
        self.assertLess(time.monotonic() - begin, 5)
        for client in slow:
            client.close()

    def test_clients_that_keep_their_answered_connections_do_not_keep_others_out(self):
        held = []
        for _ in range(400):
            client = self.panel.connect()
            client.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")
            held.append(client)
            if len(held) % 20 == 0:
                self.assertEqual(self.panel.request("/").status, 200)
        for client in held:
            client.close()

    def test_a_request_that_does_not_come_is_ended(self):
        with self.panel.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\n")
            self.assertEqual(rig.Reply(rig.read_all(client)).status, 408)

    def test_a_client_that_is_gone_is_forgotten(self):
        for _ in range(200):
            with self.panel.connect() as client:
                client.sendall(b"GET /api/link/peers HTTP/1.1\r\nHost: localhost\r\n\r\n")
        rig.wait_for("an answer", lambda: self.panel.request("/api/link/peers").status == 200)


class Login(unittest.TestCase):
    def test_a_port_needs_the_token(self):
        with rig.Panel(tcp=True) as panel:
            for path in ("/api/session", "/api/state", "/events", "/metrics", "/panel.js", f"/api/state?token={rig.TOKEN}", "/nothing"):
                self.assertEqual(panel.request(path).status, 401, path)
            self.assertEqual(panel.request("/").headers["Location"], "login")
            self.assertEqual(panel.request(f"/?token={rig.TOKEN}").headers["Location"], "login")
            self.assertEqual(panel.request("/login").status, 200)
            self.assertIn(panel.request("/healthz").status, (200, 503))
            for forged in ("paxect_panel=", "paxect_panel=0", "paxect_panel=" + "0" * 64, f"paxect_panel={rig.TOKEN}",
                           f"token={rig.TOKEN}", "paxect_panel", "=;=;;"):
                self.assertEqual(panel.request("/api/session", Cookie=forged).status, 401, forged)
            self.assertEqual(panel.request("/api/session", Authorization=f"Bearer {rig.TOKEN}x").status, 401)
            self.assertEqual(panel.request("/api/session", Authorization=f"Basic {rig.TOKEN}").status, 401)
            self.assertEqual(panel.request("/api/session", Authorization=f"Bearer {rig.TOKEN}").json()["who"], "token token")
            for wrong in ("token=", "token=wrong", f"x={rig.TOKEN}", f"token={rig.TOKEN}x"):
                self.assertIn(panel.request("/login", "POST", wrong).status, (400, 403))
            self.assertEqual(panel.request("/login", "POST", f"token={rig.TOKEN}", Origin="http://evil.example").status, 403)
            for reply in (panel.request("/login", "POST", f"token={rig.TOKEN}"), panel.request(f"/login?token={rig.TOKEN}")):
                self.assertEqual((reply.status, reply.headers["Location"]), (303, "./"))
                cookie = reply.headers["Set-Cookie"]
                self.assertIn("HttpOnly", cookie)
                self.assertIn("SameSite=Strict", cookie)
                self.assertNotIn(rig.TOKEN, cookie)
                self.assertEqual(panel.request("/api/session", Cookie=f"other=1; {cookie.split(';')[0]}").status, 200)

    def test_a_new_token_ends_the_sessions(self):
        with rig.Panel(tcp=True) as panel:
            cookie = panel.request("/login", "POST", f"token={rig.TOKEN}").headers["Set-Cookie"].split(";")[0]
            self.assertEqual(panel.request("/api/session", Cookie=cookie).status, 200)
            csrf = panel.request("/api/session", Cookie=cookie).json()["csrf"]
            viewer = panel.connect()
            viewer.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
            self.assertIn(b"200", viewer.recv(15))
            panel.write("token", "another-token-0123456789")
            panel.process.send_signal(rig.signal.SIGHUP)
            rig.read_all(viewer)  # ends, since nobody may see what follows
            viewer.close()
            rig.wait_for("the end of the session", lambda: panel.request("/api/session", Cookie=cookie).status == 401)
            self.assertEqual(panel.request("/api/session", Authorization=f"Bearer {rig.TOKEN}").status, 401)
            self.assertEqual(panel.request("/api/session", Authorization="Bearer another-token-0123456789").status, 200)
            self.assertNotEqual(panel.request("/api/session", Authorization="Bearer another-token-0123456789").json()["csrf"], csrf)


class Settings(unittest.TestCase):
    def check(self, work, text, link="[link]\n"):
        (work / "p.conf").write_text(f"{link}[panel]\n{text}")
        return subprocess.run([rig.PAXECT, "check", "-c", "p.conf"], cwd=work, capture_output=True, text=True, check=False)

    def test_a_wrong_setting_is_refused_with_its_line(self):
        work = rig.pathlib.Path(rig.tempfile.mkdtemp(prefix="paxect_panel."))
        self.addCleanup(rig.shutil.rmtree, work)
        for name, token, mode in (("good", rig.TOKEN, 0o600), ("open", rig.TOKEN, 0o644), ("short", "123", 0o600), ("odd", "a b" * 9, 0o600)):
            (work / name).write_text(token)
            (work / name).chmod(mode)
        good = f"token = file:{work}/good\n"
        for text in ("", "listen = unix:/tmp/x\n", f"listen = 127.0.0.1:1\n{good}", f"listen = [::1]:1\n{good}",
                     f"listen = 0.0.0.0:1\nallow_remote = true\n{good}", "sections = link\n", "config = /etc/x.conf\nsections = a, b\n"):
            self.assertEqual(self.check(work, text).returncode, 0, text + self.check(work, text).stderr)
        for text, words in (
                (f"listen = 0.0.0.0:1\n{good}", "allow_remote"), (f"listen = [::]:1\n{good}", "allow_remote"),
                ("listen = 127.0.0.1:1\n", "token"), ("listen = 127.0.0.1:99999\n", "ADDRESS:PORT"), ("listen = localhost:1\n", "ADDRESS:PORT"),
                ("listen = unix:relative\n", "absolute"), (f"listen = unix:/{'a' * 200}\n", "107"), ("actions = yes\n", "true or false"),
                (f"token = file:{work}/open\n", "chmod 600"), (f"token = file:{work}/short\n", "16 to 512"), (f"token = file:{work}/odd\n", "16 to 512"),
                (f"token = file:{work}/none\n", "No such file"), ("token = secret-secret-secret\n", "file:PATH"), ("token = credential:../x\n", "credential"),
                ("port = 80\n", "not a setting"), ("sandbox = perhaps\n", "auto, require or off"), ("sections = nothing\n", "does not have"),
                ("hosts = a/b\n", "names"), ("config = x\n", "absolute")):
            with self.subTest(text=text):
                result = self.check(work, text)
                self.assertEqual(result.returncode, 78)
                self.assertIn(words, result.stderr)
                self.assertNotIn("secret-secret", result.stderr)
        self.assertEqual(self.check(work, "", link="").returncode, 78, "a panel without another section")

    def test_a_socket_whose_file_is_removed_is_made_again(self):
        with rig.Panel(panel="sandbox = off\n") as panel:
            panel.socket.unlink()
            rig.wait_for("the socket", panel.socket.exists)
            self.assertEqual(panel.request("/").status, 200)
            panel.socket.unlink()
            panel.socket.write_text("in the way")
            errors = panel.work / "paxect.conf.err"
            rig.wait_for("the error", lambda: "nobody can connect: the file of the socket was removed, and" in errors.read_text())
            panel.socket.unlink()
            rig.wait_for("the socket", panel.socket.exists)
            self.assertEqual(panel.request("/").status, 200)
        with rig.Panel() as panel:  # no sandbox lets it make a socket
            panel.socket.unlink()
            errors = panel.work / "paxect.conf.err"
            rig.wait_for("a socket or the remedy", lambda: panel.socket.exists() or "restart the panel" in errors.read_text())

    def test_a_socket_in_use_is_not_taken_and_a_stale_one_is(self):
        with rig.Panel() as panel:
            second = subprocess.run([rig.PAXECT, "run", "-c", "second.conf"], cwd=self.second(panel), capture_output=True, text=True, check=False)
            self.assertEqual(second.returncode, 78)
            self.assertIn("another program listens there", second.stderr)
            self.assertEqual(panel.request("/").status, 200)
            self.assertEqual(panel.socket.stat().st_mode & 0o777, 0o660, "whatever the umask")
        with rig.Panel(separate=True) as panel:
            panel.process.kill()
            panel.process.wait()
            self.assertTrue(panel.socket.exists())
            panel.process = panel.start("panel.conf", "the page is at")
            self.assertEqual(panel.request("/").status, 200)
            panel.process.send_signal(rig.signal.SIGTERM)
            self.assertEqual(panel.process.wait(rig.LIMIT), 0)
            self.assertFalse(panel.socket.exists(), "the socket is removed at the end")

    def second(self, panel):
        panel.write("second.conf", f"[panel]\nlisten = unix:{panel.socket}\nconfig = {panel.work}/paxect.conf\n")
        return panel.work


if __name__ == "__main__":
    unittest.main()
