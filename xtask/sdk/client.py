"""Drives a running stack with the official Python client, unmodified.

Usage: python client.py PUBLIC_URL ADMIN_URL INBOX_URL
"""

import json
import re
import sys
import time
import urllib.request

import ory_client
from ory_client.models import (
    CreateIdentityBody,
    IdentityWithCredentials,
    IdentityWithCredentialsPassword,
    IdentityWithCredentialsPasswordConfig,
    PerformNativeLogoutBody,
    UpdateLoginFlowBody,
    UpdateLoginFlowWithCodeMethod,
    UpdateLoginFlowWithPasswordMethod,
)

PUBLIC, ADMIN, INBOX = sys.argv[1:4]
frontend = ory_client.FrontendApi(ory_client.ApiClient(ory_client.Configuration(host=PUBLIC)))
identities = ory_client.IdentityApi(ory_client.ApiClient(ory_client.Configuration(host=ADMIN)))
PASSWORD = "correct horse battery 9"
EMAIL = f"py-{time.time_ns()}@example.org"
checks = 0


def check(name):
    global checks
    checks += 1
    print(f"ok  python: {name}")


def refused(call, **arguments):
    """The status and body of a call that must fail."""
    try:
        call(**arguments)
    except ory_client.ApiException as error:
        return error.status, json.loads(error.body or "null")
    raise AssertionError("the call was expected to be refused")


def password(value, csrf_token=None):
    method = UpdateLoginFlowWithPasswordMethod(
        method="password", identifier=EMAIL, password=value, csrf_token=csrf_token
    )
    return UpdateLoginFlowBody(method)


def by_code(code=None):
    # An empty token: the field is not optional, and apps have none.
    return UpdateLoginFlowBody(
        UpdateLoginFlowWithCodeMethod(method="code", identifier=EMAIL, code=code, csrf_token="")
    )


def code_from_inbox():
    for _ in range(200):
        with urllib.request.urlopen(f"{INBOX}/api/messages") as answer:
            mine = [message for message in json.load(answer) if message["to"] == EMAIL]
        if mine:
            return re.search(r"\b\d{6}\b", mine[0]["text"])[0]
        time.sleep(0.025)
    raise AssertionError("no message arrived")


def cookies_of(headers, jar):
    for name, value in headers.items():
        if name.lower() == "set-cookie":
            # The client joins several cookies; dates in them hold the only other commas.
            for part in value.replace(", ", "\0").split("\0"):
                pair = part.split(";")[0]
                if "=" in pair and " " not in pair.split("=")[0]:
                    jar[pair.split("=")[0]] = pair.split("=", 1)[1]
    return "; ".join(f"{k}={v}" for k, v in jar.items())


identity = identities.create_identity(
    create_identity_body=CreateIdentityBody(
        schema_id="default",
        traits={"email": EMAIL},
        credentials=IdentityWithCredentials(
            password=IdentityWithCredentialsPassword(
                config=IdentityWithCredentialsPasswordConfig(password=PASSWORD)
            )
        ),
    )
)
assert identities.get_identity(id=str(identity.id)).traits["email"] == EMAIL
check("an administrator creates and reads an identity")

flow = frontend.create_native_login_flow()
status, body = refused(frontend.update_login_flow, flow=str(flow.id), update_login_flow_body=password("wrong"))
assert status == 400 and body["ui"]["messages"][0]["id"] == 4000006, body
done = frontend.update_login_flow(flow=str(flow.id), update_login_flow_body=password(PASSWORD))
token = done.session_token
assert token.startswith("ory_st_") and done.session.identity.id == identity.id
check("a native app signs in")

assert frontend.to_session(x_session_token=token).id == done.session.id
flow = frontend.create_native_login_flow(refresh=True, x_session_token=token)
again = frontend.update_login_flow(
    flow=str(flow.id), x_session_token=token, update_login_flow_body=password(PASSWORD)
)
assert again.session.id == done.session.id and len(again.session.authentication_methods) == 2
token = again.session_token
check("a refresh keeps the session")

flow = frontend.create_native_login_flow()
other = frontend.update_login_flow(flow=str(flow.id), update_login_flow_body=password(PASSWORD))
assert [s.id for s in frontend.list_my_sessions(x_session_token=token)] == [other.session.id]
assert frontend.disable_my_other_sessions(x_session_token=token).count >= 1
assert refused(frontend.to_session, x_session_token=other.session_token)[0] == 401
check("other sessions are listed and ended")

frontend.perform_native_logout(perform_native_logout_body=PerformNativeLogoutBody(session_token=token))
assert refused(frontend.to_session, x_session_token=token)[0] == 401
check("a native app signs out")

jar = {}
begun = frontend.create_browser_login_flow_with_http_info()
cookie = cookies_of(begun.headers, jar)
nodes = {n.attributes.actual_instance.name: n.attributes.actual_instance for n in begun.data.ui.nodes}
csrf = nodes["csrf_token"].value
csrf = getattr(csrf, "actual_instance", csrf)
assert frontend.get_login_flow(id=str(begun.data.id), cookie=cookie).id == begun.data.id
status, body = refused(
    frontend.update_login_flow, flow=str(begun.data.id), cookie=cookie, update_login_flow_body=password(PASSWORD, "no")
)
assert status == 403 and body["error"]["id"] == "security_csrf_violation", body
signed_in = frontend.update_login_flow_with_http_info(
    flow=str(begun.data.id), cookie=cookie, update_login_flow_body=password(PASSWORD, csrf)
)
cookie = cookies_of(signed_in.headers, jar)
assert frontend.to_session(cookie=cookie).id == signed_in.data.session.id
link = frontend.create_browser_logout_flow(cookie=cookie)
frontend.update_logout_flow(token=link.logout_token, cookie=cookie)
assert refused(frontend.to_session, cookie=cookie)[0] == 401
check("a single-page app signs in and out")

flow = frontend.create_native_login_flow()
status, body = refused(frontend.update_login_flow, flow=str(flow.id), update_login_flow_body=by_code())
assert status == 400 and body["state"] == "sent_email", body
done = frontend.update_login_flow(flow=str(flow.id), update_login_flow_body=by_code(code_from_inbox()))
assert [m.method for m in done.session.authentication_methods] == ["code"]
check("a native app signs in by code")

identities.delete_identity(id=str(identity.id))
assert refused(identities.get_identity, id=str(identity.id))[0] == 404
check("an administrator deletes the identity")
print(f"python client: {checks} checks passed")
