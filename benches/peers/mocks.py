"""What the peers talk to: just enough of Kong's Admin API and of Auth0's Management API, on loopback, with objects in memory.

    mocks.py kong COUNT CHANGED          prints its URL
    mocks.py auth0 COUNT CHANGED CERT KEY

`CHANGED` of the objects differ from what the peers' own files say. `GET /stats` tells how many requests came before it.
"""

import http.server
import json
import ssl
import sys
import urllib.parse
import uuid

NAMESPACE = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def number(kind, index):
    return str(uuid.uuid5(NAMESPACE, f"{kind}{index}"))


def service(index):
    """A service of Kong with every default written out."""
    return {
        "id": number("service", index), "name": f"service{index:06}", "host": f"host{index}.contoso.example", "port": 80,
        "protocol": "http", "path": "/orders", "connect_timeout": 60000, "read_timeout": 60000, "write_timeout": 60000, "retries": 5,
    }


def route(index):
    return {
        "id": number("route", index), "name": f"route{index:06}", "paths": [f"/orders/{index}"], "methods": ["GET"],
        "protocols": ["http", "https"], "strip_path": True, "preserve_host": False, "regex_priority": 0,
        "https_redirect_status_code": 426, "path_handling": "v0", "request_buffering": True, "response_buffering": True,
    }


def client(index):
    return {
        "name": f"client{index:06}", "description": f"Client {index}", "app_type": "spa", "callbacks": [f"https://c{index}.contoso.example"],
        "is_first_party": True, "oidc_conformant": True,
    }


class Kong:
    def __init__(self, count, changed):
        self.services = [service(index) for index in range(count)]
        for index in range(0, changed):
            self.services[index * 10 % count]["path"] = "/before"
        self.routes = [route(index) | {"service": {"id": number("service", index)}} for index in range(count)]

    def answer(self, path, query):
        if path == "/":
            return {"version": "2.4.1", "configuration": {"database": "postgres"}, "plugins": {"available_on_server": {}}}
        rows = {"/services": self.services, "/routes": self.routes}.get(path, [])
        start, size = int(query.get("offset", 0)), int(query.get("size", 1000))
        page = {"data": rows[start : start + size], "next": None}
        if start + size < len(rows):
            page |= {"offset": str(start + size), "next": f"{path}?offset={start + size}"}
        return page


class Auth0:
    def __init__(self, count, changed):
        self.clients = [client(index) | {"client_id": f"c{index:06}", "tenant": "bench", "global": False} for index in range(count)]
        for index in range(0, changed):
            self.clients[index * 10 % count]["description"] = "Before"

    def answer(self, path, query):
        if path != "/api/v2/clients":
            return {"total": 0, "start": 0, "limit": 100} if "include_totals" in query else []
        size = int(query.get("per_page", 50))
        start = int(query.get("page", 0)) * size
        rows = self.clients[start : start + size]
        if "include_totals" not in query:
            return rows
        return {"clients": rows, "start": start, "limit": size, "total": len(self.clients)}


def main():
    kind, count, changed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    mock = {"kong": Kong, "auth0": Auth0}[kind](count, changed)
    counted = 0

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            nonlocal counted
            url = urllib.parse.urlsplit(self.path)
            if url.path == "/stats":
                answer = {"httpRequests": counted}
            else:
                counted += 1
                answer = mock.answer(url.path, dict(urllib.parse.parse_qsl(url.query)))
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if len(sys.argv) > 4:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[4], sys.argv[5])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    print(f"{scheme}://localhost:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
