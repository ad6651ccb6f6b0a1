"""A hub with demonstration data and everything configured that can be without other services."""

import json
import os
import socket
import subprocess
import time
import urllib.parse
import uuid

SERVICE_KEY = "a-key-of-a-service-that-asks-everything"
DEADLINE = 60
PORTALS = [
    {
        "client_id": "doctors",
        "name": "Doctors",
        "redirect_uris": ["https://doctors.example/cb"],
        "post_logout_redirect_uris": ["https://doctors.example/bye"],
    },
]


class Hub:
    """Runs from entering to leaving; its database and files are new."""

    def __init__(self, binary, place, log, postgres=None):
        """On the server at the URL `postgres`, or on the embedded database."""
        place.mkdir()
        self.log = open(log, "wb")
        key = place / "key.pem"
        make = ["openssl", "genpkey", "-quiet", "-algorithm", "ed25519", "-out", key]
        subprocess.run(make, check=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            "PATH": os.environ["PATH"],
            "NODE_ENV": "development",
            "BIND_ADDR": "127.0.0.1",
            "PORT": str(port),
            "LOG_LEVEL": "WARNING",
            "RATE_LIMIT_ENABLED": "false",
            "SERVICE_API_KEYS": f"schema:{SERVICE_KEY}",
            "JWT_PRIVATE_KEY_FILE": str(key),
            "OIDC_CLIENTS": json.dumps(PORTALS),
            "SUPABASE_JWT_SECRET": "a-secret-of-at-least-thirty-two-bytes",
            "PUBLIC_URL": self.url,
        }
        if postgres:
            environment["DATABASE_URL"] = database_at(postgres)
        self.process = subprocess.Popen(
            [binary, "serve", "--demo"],
            cwd=place,
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.address = ("127.0.0.1", port)

    def __enter__(self):
        give_up = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < give_up:
            try:
                socket.create_connection(self.address, timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise RuntimeError(f"the hub did not start: see {self.log.name}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def database_at(server):
    """The URL of an empty database on a server of PostgreSQL that lives no longer than this run."""
    name = f"openapi_{uuid.uuid4().hex}"
    subprocess.run(["psql", "--quiet", server, "--command", f"create database {name}"], check=True)
    return urllib.parse.urlsplit(server)._replace(path=f"/{name}").geturl()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
