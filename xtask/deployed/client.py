"""Clients of the two APIs: a browser with a cookie jar, an app with a token, an administrator who signs."""

import http.client
import http.cookiejar
import itertools
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_networks = itertools.count(1)


def network():
    """An address in a network of its own: what is counted by network is counted for each client alone."""
    number = next(_networks)
    return f"127.{1 + number // 250}.{1 + number % 250}.9"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers.get('location') or ''} {self.body[:600]!r}"


class Client:
    """Follows no redirects."""

    def __init__(self, base, trust, source=None, accept="application/json"):
        self.base, self.accept, self.token = base.rstrip("/"), accept, None
        self.jar = http.cookiejar.CookieJar()
        context, source = ssl.create_default_context(cafile=str(trust)), source or network()

        class Handler(urllib.request.HTTPSHandler):
            def https_open(self, request):
                return self.do_open(
                    lambda host, **more: http.client.HTTPSConnection(host, context=context, source_address=(source, 0), **more), request
                )

        jar = urllib.request.HTTPCookieProcessor(self.jar)
        self.opener = urllib.request.build_opener(_Stay(), Handler(), jar, urllib.request.ProxyHandler({}))

    def send(self, method, path, body=None, headers=None):
        url = urllib.parse.urljoin(self.base + "/", path)
        headers = {"Accept": self.accept, **(headers or {})}
        if self.token:
            headers.setdefault("X-Session-Token", self.token)
        if isinstance(body, (dict, list)):
            body, kind = json.dumps(body).encode(), "application/json"
            headers.setdefault("Content-Type", kind)
        elif isinstance(body, str):
            body = body.encode()
        request = urllib.request.Request(url, data=body, headers=self.signed(method, url, headers, body), method=method)
        try:
            answer = self.opener.open(request, timeout=40)
        except urllib.error.HTTPError as error:
            answer = error
        return Answer(answer.status, answer.headers, answer.read().decode("utf-8", "replace"))

    def signed(self, _method, _url, headers, _body):
        return headers

    def get(self, path, **headers):
        return self.send("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path, body):
        return self.send("POST", path, body)

    def form(self, path, fields):
        body = urllib.parse.urlencode(fields)
        return self.send("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})


class Administrator(Client):
    def __init__(self, base, trust, key, secret, region):
        super().__init__(base, trust)
        self.signer = SigV4Auth(Credentials(key, secret), "execute-api", region)

    def signed(self, method, url, headers, body):
        request = AWSRequest(method, url, headers=headers, data=body)
        self.signer.add_auth(request)
        return dict(request.headers)
