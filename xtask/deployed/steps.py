"""What is tried on the running stack, over its own URLs. Each step stands alone and can be tried again: it creates the identities that it
needs and calls from a network of its own."""

import collections
import html.parser
import http.server
import itertools
import json
import os
import re
import subprocess
import threading
import time
import urllib.parse
import uuid

from client import Administrator, Client
from stack import ENDPOINT, REGION

STEPS = []
# Whether what is waited for is not expected to come.
HURRIED = False
PASSWORD = "kepler-22b-is-far-away"
HTML = "text/html,application/xhtml+xml"
_numbers = itertools.count()


def step(title):
    def register(function):
        STEPS.append((title, function))
        return function

    return register


# Where the programs of the official clients are, and the Python that has them.
Sdk = collections.namedtuple("Sdk", "folder python")


class Failed(Exception):
    pass


def expect(answer, status):
    if answer.status != status:
        raise Failed(f"{answer} instead of {status}")
    return answer


def check(holds, why):
    if not holds:
        raise Failed(str(why))


class World:
    """The stack and its clients."""

    def __init__(self, outputs, resources, emulator, trust, keys, binaries, sdk, clients):
        self.outputs, self.resources, self.emulator, self.trust = outputs, resources, emulator, trust
        self.keys, self.binaries, self.sdk, self.aws = keys, binaries, sdk, clients
        self.public, self.admin_url = outputs["PublicUrl"], outputs["AdminUrl"]

    def app(self):
        return Client(self.public, self.trust)

    def browser(self, accept=HTML):
        return Client(self.public, self.trust, accept=accept)

    def admin(self):
        return Administrator(self.admin_url, self.trust, *self.keys, REGION)

    def environment(self):
        """Of a program that speaks to the stack with an administrator's keys."""
        env = {**os.environ, "AWS_ACCESS_KEY_ID": self.keys[0], "AWS_SECRET_ACCESS_KEY": self.keys[1]}
        env.update({"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION})
        env.update({"SSL_CERT_FILE": str(self.trust), "NODE_EXTRA_CA_CERTS": str(self.trust)})
        env.pop("AWS_ENDPOINT_URL", None)
        return env

    def create(self, email=None, **more):
        email = email or f"p{uuid.uuid4().hex[:12]}@example.org"
        body = {"traits": {"email": email}, "credentials": {"password": {"config": {"password": PASSWORD}}}, **more}
        return expect(self.admin().post("/admin/identities", body), 201).json()

    def begin(self, client, query=""):
        kind = "api" if client.accept == "application/json" and not list(client.jar) else "browser"
        return expect(client.get(f"/self-service/login/{kind}{query}"), 200).json()

    def submit(self, client, flow, **fields):
        hidden = {
            node["attributes"]["name"]: node["attributes"].get("value")
            for node in flow["ui"]["nodes"]
            if node["attributes"].get("type") == "hidden"
        }
        return client.post(flow["ui"]["action"], {**hidden, **fields})

    def sign_in(self, client, email, password=PASSWORD, query=""):
        flow = self.begin(client, query)
        return self.submit(client, flow, method="password", identifier=email, password=password)

    def signed_in(self, email, query="", app=None):
        app = app or self.app()
        app.token = expect(self.sign_in(app, email, query=query), 200).json()["session_token"]
        return app

    def code(self, address, after=0, patience=25):
        def arrived():
            mail = self.emulator.mail(address)
            return mail[-1] if len(mail) > after else None

        text = eventually(f"a code for {address}", arrived, patience)
        return re.search(r"\b\d{6}\b", text["BodyText"])[0]

    def message(self, recipient, status, patience=25):
        """A message to an address, once it has a status."""

        def reached():
            query = urllib.parse.urlencode({"recipient": recipient})
            found = expect(self.admin().get(f"/admin/courier/messages?{query}"), 200).json()
            return next((message for message in found if message["status"] == status), None)

        return eventually(f"a message to {recipient} that is {status}", reached, patience)


def eventually(what, found, patience):
    end = time.monotonic() + (patience / 3 if HURRIED else patience)
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what} did not come within {patience} s")
        time.sleep(0.1)


class Form(html.parser.HTMLParser):
    """The first form of a page, and what a visitor would send."""

    def __init__(self, text):
        super().__init__()
        self.action, self.fields, self.inside = None, {}, False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "form" and self.action is None:
            self.action, self.inside = found.get("action"), True
        if tag == "input" and self.inside and found.get("name"):
            self.fields[found["name"]] = found.get("value") or ""

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False


@step("latchkey smoke: three ways in and out")
def smoke(world):
    words = [str(world.binaries / "latchkey"), "smoke", world.public, "--admin-url", world.admin_url]
    done = subprocess.run(words, env=world.environment(), capture_output=True, text=True, timeout=120)
    check(done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:])


@step("the official clients in JavaScript and Python, the admin API through the proxy that signs")
def official_clients(world):
    class Inbox(http.server.BaseHTTPRequestHandler):
        """What SES was given, as the inbox of a local stack shows it."""

        def do_GET(self):
            mails = [{"to": mail["To"][0], "text": mail["BodyText"]} for mail in reversed(world.emulator.mails())]
            body = json.dumps(mails).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    words = [str(world.binaries / "latchkey"), "admin-proxy", "--port", "0", "--admin-url", world.admin_url]
    proxy = subprocess.Popen(words, env=world.environment(), stdout=subprocess.PIPE, text=True)
    try:
        said = proxy.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        check(found, f"the proxy says {said!r}")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Inbox) as inbox:
            threading.Thread(target=inbox.serve_forever, daemon=True).start()
            addresses = [world.public.rstrip("/"), found[0], f"http://127.0.0.1:{inbox.server_port}"]
            for program in (["node", "client.mjs"], [str(world.sdk.python), "client.py"]):
                done = subprocess.run(
                    [*program, *addresses], cwd=world.sdk.folder, env=world.environment(),
                    capture_output=True, text=True, timeout=120,
                )
                check(done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:])
            inbox.shutdown()
    finally:
        proxy.terminate()
        proxy.wait()


@step("the login pages: sign in by a form, see the sessions, end the others")
def pages(world):
    email = world.create()["traits"]["email"]
    world.signed_in(email)
    visitor = world.browser()
    begun = expect(visitor.get("/self-service/login/browser"), 303)
    page = expect(visitor.get(begun.headers["location"]), 200)
    form = Form(page.body)
    check(form.action, page)
    asset = re.search(r'"/?(assets/[^"]+)', page.body)
    expect(world.browser().get(f"/{asset[1]}"), 200)
    done = expect(visitor.form(form.action, {**form.fields, "identifier": email, "password": PASSWORD, "method": "password"}), 303)
    page = expect(visitor.get(done.headers["location"]), 200)
    check(email in page.body, "the session page does not say who is signed in")
    form = Form(page.body)
    expect(visitor.form(form.action, form.fields), 303)
    script = visitor
    script.accept = "application/json"
    check(expect(script.get("/sessions"), 200).json() == [], "the other sessions go on")


@step("a browser is sent to the error page, which shows what is stored")
def error_page(world):
    visitor = world.browser()
    answer = expect(visitor.get("/self-service/login/browser?return_to=https://evil.example"), 303)
    expect(visitor.get(answer.headers["location"]), 200)
    answer = expect(visitor.form("/self-service/login?flow=nope", {"method": "password"}), 303)
    expect(visitor.get(answer.headers["location"]), 200)
    answer = expect(visitor.get("/self-service/logout/browser"), 303)
    expect(visitor.get(answer.headers["location"]), 200)
    expect(world.app().get(f"/self-service/errors?id={uuid.uuid4()}"), 404)


@step("refresh: a new token, the one before it forgotten")
def refresh(world):
    email = world.create()["traits"]["email"]
    app = world.signed_in(email)
    before = app.token
    world.signed_in(email, "?refresh=true", app)
    check(before != app.token, "the token is the same")
    expect(app.get("/sessions/whoami"), 200)
    app.token = before
    expect(app.get("/sessions/whoami"), 401)


@step("refresh in a browser, which reads the flow's owner")
def refresh_in_a_browser(world):
    email = world.create()["traits"]["email"]
    browser = world.browser("application/json")
    flow = expect(browser.get("/self-service/login/browser"), 200).json()
    expect(world.submit(browser, flow, method="password", identifier=email, password=PASSWORD), 200)
    flow = expect(browser.get("/self-service/login/browser?refresh=true"), 200).json()
    expect(browser.get(f"/self-service/login/flows?id={flow['id']}"), 200)
    expect(world.submit(browser, flow, method="password", identifier=email, password=PASSWORD), 200)


@step("refresh: the first use of the new secret ends the one before, wherever it is")
def refresh_elsewhere(world):
    email = world.create()["traits"]["email"]
    for path in ("/sample", "/self-service/login/api?refresh=true"):
        app = world.signed_in(email)
        before = app.token
        world.signed_in(email, "?refresh=true", app)
        expect(app.get(path), 200)
        app.token = before
        expect(app.get("/sessions/whoami"), 401)
    browser, before = world.browser("application/json"), world.browser("application/json")
    expect(browser.get("/self-service/login/browser"), 200)
    expect(world.sign_in(browser, email), 200)
    for cookie in browser.jar:
        before.jar.set_cookie(cookie)
    expect(before.get("/sessions/whoami"), 200)
    expect(world.sign_in(browser, email, query="?refresh=true"), 200)
    expect(browser.get("/self-service/login/browser?refresh=true"), 200)
    expect(before.get("/sessions/whoami"), 401)


@step("sessions: listed, one ended, the others ended, a native app's exchange")
def sessions(world):
    email = world.create()["traits"]["email"]
    one, two, three = (world.signed_in(email) for _ in range(3))
    listed = expect(one.get("/sessions"), 200).json()
    check(len(listed) == 2, listed)
    other = expect(two.get("/sessions/whoami"), 200).json()["id"]
    expect(one.send("DELETE", f"/sessions/{other}"), 204)
    expect(two.get("/sessions/whoami"), 401)
    check(expect(one.send("DELETE", "/sessions"), 200).json()["count"] == 2, "ended ones count too")
    expect(three.get("/sessions/whoami"), 401)
    expect(world.app().get("/sessions/token-exchange?init_code=a&return_to_code=b"), 404)
    expect(one.send("DELETE", "/self-service/logout/api", {"session_token": one.token}), 204)
    expect(one.get("/sessions/whoami"), 401)


@step("ended sessions beyond the cap are deleted at the next sign-in")
def many_sessions(world):
    identity = world.create()
    email, table = identity["traits"]["email"], world.resources["AccountsTable"]
    app = world.signed_in(email)
    session = expect(app.get("/sessions/whoami"), 200).json()["id"]
    items = world.aws["dynamodb"].scan(TableName=table, ConsistentRead=True)["Items"]
    [item] = [item for item in items if item.get("session_id", {}).get("S") == session or session in item["sk"]["S"]]
    for _ in range(75):
        other = str(uuid.uuid4())
        copy = {name: {"S": value["S"].replace(session, other)} if "S" in value else value for name, value in item.items()}
        world.aws["dynamodb"].put_item(TableName=table, Item=copy)
    expect(app.send("DELETE", "/sessions"), 200)
    world.signed_in(email)
    left = [other for other in world.aws["dynamodb"].scan(TableName=table, ConsistentRead=True)["Items"] if other["pk"] == item["pk"]]
    check(len(left) < 75, "nothing was deleted")


@step("a counter that has ended is begun anew")
def counters(world):
    email, table = world.create()["traits"]["email"], world.resources["CountersTable"]
    app = world.app()
    expect(world.sign_in(app, email, "wrong"), 400)
    for item in world.aws["dynamodb"].scan(TableName=table, ConsistentRead=True)["Items"]:
        if "until" in item:
            world.aws["dynamodb"].put_item(TableName=table, Item={**item, "until": {"N": "1"}})
    expect(world.sign_in(app, email, "wrong"), 400)
    expect(world.sign_in(app, email), 200)


@step("signing out in a browser, by its link")
def sign_out(world):
    email = world.create()["traits"]["email"]
    browser = world.browser("application/json")
    flow = expect(browser.get("/self-service/login/browser"), 200).json()
    expect(world.submit(browser, flow, method="password", identifier=email, password=PASSWORD), 200)
    link = expect(browser.get("/self-service/logout/browser"), 200).json()
    expect(browser.get(link["logout_url"]), 204)
    expect(browser.get("/sessions/whoami"), 401)


@step("an imported hash is taken, and replaced by one of ours")
def imported(world):
    hashed = {"password": {"config": {"hashed_password": "$md5$CY9rzUYh03PK3k6DJie09g=="}}}
    identity = world.create(credentials=hashed)
    for _ in range(2):
        expect(world.sign_in(world.app(), identity["traits"]["email"], "test"), 200)
    table = world.resources["CredentialsTable"]
    kept = [item for item in world.aws["dynamodb"].scan(TableName=table, ConsistentRead=True)["Items"] if identity["id"] in str(item)]
    check(kept and "argon2" in str(kept) and "$md5$" not in str(kept), "the imported hash was not replaced everywhere")
    expect(world.sign_in(world.app(), identity["traits"]["email"], "wrong"), 400)


@step("a code by SES, wrong at first, then right; that of a disabled identity is not")
def by_code(world):
    identity = world.create()
    email = identity["traits"]["email"]
    app = world.app()
    flow = world.begin(app)
    sent = expect(world.submit(app, flow, method="code", identifier=email), 400).json()
    check(sent["state"] == "sent_email", sent)
    code = world.code(email)
    wrong = f"{(int(code) + 1) % 1000000:06}"
    expect(world.submit(app, sent, method="code", identifier=email, code=wrong), 400)
    done = expect(world.submit(app, sent, method="code", identifier=email, code=code), 200).json()
    app.token = done["session_token"]
    expect(app.get("/sessions/whoami"), 200)
    # Once alone.
    check(world.submit(world.app(), sent, method="code", identifier=email, code=code).status != 200, "the code is good twice")
    found = world.message(email, "sent")
    expect(world.admin().get(f"/admin/courier/messages/{found['id']}"), 200)


@step("a code for an address without an identity sends nothing and says the same")
def code_for_unknown_address(world):
    address = f"unknown{uuid.uuid4().hex[:8]}@example.org"
    app = world.app()
    sent = expect(world.submit(app, world.begin(app), method="code", identifier=address), 400).json()
    check(sent["state"] == "sent_email", sent)


@step("a code that SES does not take at once is sent again by the queue")
def retried(world):
    email = f"throttled-{uuid.uuid4().hex[:8]}@example.org"
    world.create(email)
    app = world.app()
    sent = expect(world.submit(app, world.begin(app), method="code", identifier=email), 400).json()
    code = world.code(email, patience=45)
    expect(world.submit(app, sent, method="code", identifier=email, code=code), 200)
    found = world.message(email, "sent")
    tried = expect(world.admin().get(f"/admin/courier/messages/{found['id']}"), 200).json()
    outcomes = [dispatch["status"] == "failed" for dispatch in tried["dispatches"]]
    check(len(outcomes) > 1 and outcomes[0] and not outcomes[-1], tried)


@step("a bounce and a complaint: both addresses are on the suppression list")
def feedback(world):
    for kind in ("bounce", "complaint"):
        address = f"{kind}+{uuid.uuid4().hex[:8]}@simulator.amazonses.com"
        identity = world.create(address)
        app = world.app()
        expect(world.submit(app, world.begin(app), method="code", identifier=address), 400)
        world.message(address, "sent")
        path = f"/admin/identities/{identity['id']}"
        eventually(f"a mark on {address}", lambda: "suppressed" in expect(world.admin().get(path), 200).body, 20)
        app = world.app()
        expect(world.submit(app, world.begin(app), method="code", identifier=address), 400)
        world.message(address, "abandoned")


@step("an address is taken off the suppression list, here and at SES")
def lifted(world):
    address = f"bounce+{uuid.uuid4().hex[:8]}@simulator.amazonses.com"
    world.create(address)
    app, admin = world.app(), world.admin()
    expect(world.submit(app, world.begin(app), method="code", identifier=address), 400)
    place = f"/admin/courier/suppressed/{urllib.parse.quote(address)}"
    eventually(f"a mark on {address}", lambda: admin.get(place).status == 200, 20)
    found = expect(admin.get("/admin/courier/suppressed"), 200).json()
    check(address in [one["address"] for one in found], found)
    ses = world.aws["sesv2"]
    ses.get_suppressed_destination(EmailAddress=address)
    expect(admin.send("DELETE", place), 204)
    expect(admin.get(place), 404)
    try:
        check(False, ses.get_suppressed_destination(EmailAddress=address))
    except ses.exceptions.NotFoundException:
        pass


@step("messages are forgotten with the identity that they went to")
def forgotten(world):
    identity, admin = world.create(), world.admin()
    email = identity["traits"]["email"]
    app = world.app()
    expect(world.submit(app, world.begin(app), method="code", identifier=email), 400)
    found = world.message(email, "sent")
    expect(admin.send("DELETE", f"/admin/identities/{identity['id']}"), 204)
    eventually("the end of a message", lambda: admin.get(f"/admin/courier/messages/{found['id']}").status == 404, 20)


@step("records that the courier cannot read, and events that cannot be recorded, go to the dead letters")
def dead_letters(world):
    queue = world.resources["CourierDeadLetters"]

    def arrived(text):
        found = world.aws["sqs"].receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        return any(text in message["Body"] for message in found)

    number = uuid.uuid4().hex
    world.aws["sqs"].purge_queue(QueueUrl=queue)
    world.aws["dynamodb"].put_item(TableName=world.resources["OutboxTable"], Item={"pk": {"S": f"unreadable {number}"}})
    eventually("the record among the dead letters", lambda: arrived(number) or arrived("cannot be read"), 20)
    event = json.dumps({"number": number})
    world.aws["lambda"].invoke(FunctionName=world.resources["CourierFeedbackFunction"], InvocationType="Event", Payload=event)
    eventually("the event among the dead letters", lambda: arrived(number), 20)


@step("the courier's key is told to CloudFormation")
def courier_key(world):
    told = []

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        event = {"RequestType": "Update", "ResponseURL": f"http://127.0.0.1:{server.server_port}/", "StackId": "s", "RequestId": "r"}
        world.aws["lambda"].invoke(FunctionName=world.resources["CourierKeyFunction"], Payload=json.dumps(event))
        server.shutdown()
    check(told and told[0]["Status"] == "SUCCESS" and told[0]["Data"]["PublicKey"], told)


@step("the admin API: identities created, found, listed, changed and deleted")
def identities(world):
    admin, unique = world.admin(), uuid.uuid4().hex[:12]
    identity = world.create(external_id=unique)
    path = f"/admin/identities/{identity['id']}"
    expect(admin.get(path), 200)
    expect(admin.get(f"/admin/identities/by/external/{unique}"), 200)
    expect(admin.get("/admin/identities?page_size=2&include_credential=password"), 200)
    query = urllib.parse.urlencode({"credentials_identifier": identity["traits"]["email"]})
    found = expect(admin.get(f"/admin/identities?{query}"), 200).json()
    check([one["id"] for one in found] == [identity["id"]], found)
    moved = {"schema_id": "default", "state": "active", "traits": {"email": f"moved{unique}@example.org"}}
    expect(admin.send("PUT", path, moved), 200)
    expect(admin.send("PATCH", path, [{"op": "add", "path": "/metadata_public", "value": {"seen": True}}]), 200)
    batch = {"identities": [{"create": {"schema_id": "default", "traits": {"email": f"b{unique}@example.org"}}}]}
    made = expect(admin.send("PATCH", "/admin/identities", batch), 200).json()["identities"][0]
    expect(admin.send("DELETE", f"/admin/identities/{made['identity']}"), 204)
    expect(admin.send("DELETE", path), 204)
    expect(admin.get(path), 404)
    expect(admin.get("/admin/identities?page=0&per_page=1"), 200)
    # An identity that is created again with the id of a deleted one.
    again = {"identities": [{"create": {"schema_id": "default", "traits": identity["traits"]}, "identity_id": identity["id"]}]}
    made = expect(admin.send("PATCH", "/admin/identities", again), 200).json()["identities"][0]
    check(made["identity"] == identity["id"], made)


@step("the admin API: an identifier is free when the identity that had it is not there")
def freed(world):
    identity = world.create()
    world.aws["dynamodb"].delete_item(
        TableName=world.resources["AccountsTable"], Key={"pk": {"S": identity["id"]}, "sk": {"S": "profile"}}
    )
    world.create(identity["traits"]["email"])


@step("the admin API: sessions of any identity")
def admin_sessions(world):
    admin, identity = world.admin(), world.create()
    app = world.signed_in(identity["traits"]["email"])
    session = expect(app.get("/sessions/whoami"), 200).json()["id"]
    expect(admin.get(f"/admin/identities/{identity['id']}/sessions"), 200)
    expect(admin.get(f"/admin/sessions/{session}"), 200)
    check(admin.send("PATCH", f"/admin/sessions/{session}/extend", {}).status in (200, 204), "the session is not extended")
    expect(admin.send("DELETE", f"/admin/sessions/{session}"), 204)
    expect(app.get("/sessions/whoami"), 401)
    world.signed_in(identity["traits"]["email"])
    expect(admin.send("DELETE", f"/admin/identities/{identity['id']}/sessions"), 204)


@step("the admin API: messages by status and by recipient")
def messages(world):
    admin = world.admin()
    for query in ("", "?status=queued", "?recipient=unknown%40example.org"):
        expect(admin.get(f"/admin/courier/messages{query}"), 200)


@step("the admin API: closed to callers that IAM does not know or allow")
def admin_closed(world):
    unsigned = Client(world.admin_url, world.trust)
    for path in ("/admin/identities", "/health/alive", "/nothing/here"):
        expect(unsigned.get(path), 403)
    unknown = Administrator(world.admin_url, world.trust, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIKI7MDENG", REGION)
    expect(unknown.get("/admin/identities"), 403)


@step("health, version and schemas, on both APIs")
def service(world):
    app, admin = world.app(), world.admin()
    for path in ("/health/alive", "/health/ready", "/schemas", "/schemas/default"):
        expect(app.get(path), 200)
    for path in ("/admin/health/alive", "/admin/health/ready", "/admin/version", "/health/ready"):
        expect(admin.get(path), 200)


@step("the authorizer: a protected route for signed-in users")
def authorizer(world):
    identity = world.create()
    app = world.signed_in(identity["traits"]["email"])
    said = expect(app.get("/sample"), 200).body
    check(identity["id"] in said, said)
    expect(world.app().get("/sample"), 403)
    browser = world.browser("application/json")
    flow = expect(browser.get("/self-service/login/browser"), 200).json()
    expect(world.submit(browser, flow, method="password", identifier=identity["traits"]["email"], password=PASSWORD), 200)
    expect(browser.get("/sample"), 200)


@step("preflights of a browser, allowed and not")
def preflights(world):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    app = world.app()
    good = app.send("OPTIONS", "/self-service/login", headers={"Origin": "https://app.example.org", **asked})
    check(good.headers.get("access-control-allow-origin") == "https://app.example.org", good)
    bad = app.send("OPTIONS", "/self-service/login", headers={"Origin": "https://evil.example", **asked})
    check(bad.headers.get("access-control-allow-origin") is None, bad)


@step("paths without a route")
def unmatched(world):
    expect(world.app().get("/nothing/here"), 404)
    expect(world.admin().get("/nothing/here"), 404)
    check(world.admin().get("/sessions/whoami").status in (307, 308, 404), "the admin API answers whoami")
