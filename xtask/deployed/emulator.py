"""AWS on a port of this machine: MiniStack, with permissions enforced and with what it does otherwise than AWS made up for.

Each entry of the list below says what AWS does. Nothing in the product knows of any of them. What was asked for and what was decided is
written to the file that AUDIT names, a line a decision, for the checks to read.
"""

import contextvars
import fnmatch
import hashlib
import inspect
import io
import json
import os
import random
import string
import tempfile
import threading
import time
import urllib.parse
import zipfile

PORT = int(os.environ["GATEWAY_PORT"])
HERE = f"http://127.0.0.1:{PORT}"

from ministack import app  # noqa: E402
from ministack.core import iam_evaluator as iam  # noqa: E402
from ministack.core.responses import get_account_id, get_region, get_request_client_ip  # noqa: E402
from ministack.services import apigateway, lambda_svc, secretsmanager, ses, ses_v2, sns  # noqa: E402
from ministack.services.cloudformation import custom_resource, engine, provisioners  # noqa: E402

DIFFERENCES = []


def difference(aws):
    """Makes up for a difference; `aws` says what AWS does."""

    def register(apply):
        DIFFERENCES.append((aws, apply))
        return apply

    return register


def rewritten(module, name, *changes):
    """Puts other text into a function. Ends the emulator where the text is not there any more: then look whether it is still needed."""
    source = inspect.getsource(getattr(module, name))
    for old, new in changes:
        if source.count(old) < 1:
            raise SystemExit(f"{module.__name__}.{name} has no {old!r} any more; look at the list of differences")
        source = source.replace(old, new)
    exec(compile(source, f"{module.__file__} as rewritten here", "exec"), vars(module))


# ---- What was decided ----------------------------------------------------------------------------------------------------------

_audit = open(os.environ["AUDIT"], "a", buffering=1)
_audit_lock = threading.Lock()


def record(principal, action, resource, allowed):
    line = json.dumps({"at": time.time(), "by": principal, "action": action, "on": resource, "allowed": bool(allowed)})
    with _audit_lock:
        _audit.write(line + "\n")


def audited():
    """Every decision about a call is written down, with who called."""
    enforce = iam.enforce

    def wrapped(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        result = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        principal = iam.resolve_principal(access_key_id, get_account_id()) if access_key_id else None
        arn = getattr(principal, "arn", "")
        if ":root" not in arn:
            record(arn, iam_action, resource_arn, result is None)
        return result

    iam.enforce = wrapped


def role_may(role_arn, session, action, resource, context=None, quiet=False):
    """Whether a role may do something that a service of AWS does in its name."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
    asked = iam.EvalContext(
        principal_arn=arn, principal_type="AssumedRole", principal_account=account, action=action,
        resource_arn=resource, region=get_region(), service_context=context or {},
    )
    allowed = iam.evaluate(asked, iam._gather_role_policies(name, account)).decision == "Allow"
    if not quiet:
        record(arn, action, resource, allowed)
    return allowed


def may_invoke(service, function, source):
    """Whether a function's own policy lets a service call it for this source."""
    config = function.get("config") or function
    found, _, _ = lambda_svc._get_func_record_for_ref(config["FunctionArn"])
    allowed = None
    for statement in (found or {}).get("policy", {}).get("Statement", []):
        principal = statement.get("Principal")
        pattern = (statement.get("Condition", {}).get("ArnLike") or {}).get("AWS:SourceArn", "*")
        named = isinstance(principal, dict) and principal.get("Service") == service
        if named and statement["Effect"] == "Allow" and fnmatch.fnmatchcase(source, pattern):
            allowed = statement
    on = f"{config['FunctionArn']} for {pattern_of(allowed) or source}"
    record(service, "lambda:InvokeFunction", on, allowed is not None)
    return allowed is not None


def pattern_of(statement):
    return ((statement or {}).get("Condition", {}).get("ArnLike") or {}).get("AWS:SourceArn")


# ---- The list ------------------------------------------------------------------------------------------------------------------


@difference("A secret's Ref is its ARN")
def ref_of_a_secret():
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def name_of(arn):
        return next((name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)

    def arn_of(name):
        return secretsmanager._secrets[name]["ARN"]

    def created(logical_id, props, stack_name):
        name, attributes = create(logical_id, props, stack_name)
        return arn_of(name), attributes

    def updated(physical_id, *rest, **more):
        name, attributes = update(name_of(physical_id), *rest, **more)
        return arn_of(name), attributes

    handlers.update(create=created, update=updated, delete=lambda physical_id, props: delete(name_of(physical_id), props))


@difference("GenerateSecretString knows ExcludePunctuation")
def no_punctuation():
    made = provisioners._sm_secret_string

    def wrapped(props):
        generated = props.get("GenerateSecretString") or {}
        if generated.get("ExcludePunctuation"):
            excluded = generated.get("ExcludeCharacters", "") + string.punctuation
            props = {**props, "GenerateSecretString": {**generated, "ExcludeCharacters": excluded}}
        return made(props)

    provisioners._sm_secret_string = wrapped


@difference("An alarm may be on several metrics and what is computed of them")
def alarms_on_several_metrics():
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]

    def of_one(props):
        if "Metrics" not in props:
            return props
        metric = props["Metrics"][0]["MetricStat"]
        one = {"Namespace": metric["Metric"]["Namespace"], "MetricName": metric["Metric"]["MetricName"], "Statistic": metric["Stat"]}
        return {**{name: value for name, value in props.items() if name != "Metrics"}, **one, "Period": metric["Period"]}

    create, update = handlers["create"], handlers["update"]
    handlers["create"] = lambda logical_id, props, stack_name: create(logical_id, of_one(props), stack_name)
    handlers["update"] = lambda physical_id, old, new, *rest, **more: update(physical_id, of_one(old), of_one(new), *rest, **more)


@difference("A function's layers are unpacked at /opt, for custom runtimes too")
def layers():
    made = lambda_svc._provided_worker_env
    folder = tempfile.mkdtemp(prefix="layers-", dir=os.environ.get("WORK"))

    def wrapped(config, code_dir, port):
        env = made(config, code_dir, port)
        for layer in config.get("Layers") or []:
            content = lambda_svc._resolve_layer_zip(layer)
            at = os.path.join(folder, hashlib.sha256(content).hexdigest()[:16])
            if not os.path.isdir(at):
                zipfile.ZipFile(io.BytesIO(content)).extractall(at)
            # All layers of this template lie in one folder, so a path below /opt can be named anew.
            env.update({name: at + value[4:] for name, value in env.items() if value.startswith("/opt/")})
        return env

    lambda_svc._provided_worker_env = wrapped


@difference("Functions reach the services, and CloudFormation the custom resource, over TLS; here over plain HTTP")
def plain():
    custom_resource._gateway_url = lambda: HERE
    os.environ["AWS_ENDPOINT_URL"] = HERE


@difference("A function is told nothing of the machine that runs it")
def bare_environment():
    made = lambda_svc._provided_worker_env

    def wrapped(config, code_dir, port):
        env, own = made(config, code_dir, port), lambda_svc._runtime_env_vars(config)
        kept = ("AWS_", "LAMBDA_", "_HANDLER", "PATH", "LANG", "TZ")
        return {name: value for name, value in env.items() if name in own or name.startswith(kept)}

    lambda_svc._provided_worker_env = wrapped


@difference("An event holds its cookies in a list of their own, and the caller's address")
def events():
    execute = lambda_svc._execute_function_with_config_scope

    def wrapped(func, event):
        context = event.get("requestContext") or {}
        if event.get("version") == "2.0" and "http" in context:
            headers, caller = event["headers"], get_request_client_ip()
            cookies = [part.strip() for part in headers.pop("cookie", "").split(";") if part.strip()]
            if cookies:
                event["cookies"] = cookies
            context["http"]["sourceIp"] = caller
            hops = headers.get("x-forwarded-for")
            headers["x-forwarded-for"] = f"{hops}, {caller}" if hops else caller
            headers.update({"x-forwarded-proto": "https", "x-forwarded-port": "443"})
        return execute(func, event)

    lambda_svc._execute_function_with_config_scope = wrapped


_authorizer = contextvars.ContextVar("authorizer", default=None)


@difference("API Gateway calls a function only where its policy lets it")
def permissions_to_invoke():
    execute, ask = lambda_svc._execute_function_with_config_scope, apigateway._invoke_request_authorizer_lambda
    denied = {"error": True, "body": {"errorMessage": "not permitted"}}

    def source(event):
        context = event.get("requestContext") or {}
        if "apiId" in context:
            arn = f"arn:aws:execute-api:{get_region()}:{get_account_id()}:{context['apiId']}"
            if event.get("type") == "REQUEST":
                return "apigateway.amazonaws.com", f"{arn}/authorizers/{_authorizer.get()}"
            route = event["routeKey"].split(" ", 1)
            place = f"{route[0]}{route[1]}" if len(route) == 2 else "$default"
            return "apigateway.amazonaws.com", f"{arn}/{context['stage']}/{place}"
        return None

    def wrapped(func, event):
        called = source(event)
        if called and not may_invoke(called[0], func, called[1]):
            return denied
        return execute(func, event)

    async def asked(authorizer, event, account_id, region):
        _authorizer.set(authorizer.get("authorizerId"))
        return await ask(authorizer, event, account_id, region)

    lambda_svc._execute_function_with_config_scope = wrapped
    apigateway._invoke_request_authorizer_lambda = asked


@difference("SNS calls a function only where its policy lets it, and Lambda tries three times and then keeps what failed, as its role may")
def called_by_sns():
    rewritten(sns, "_deliver_to_lambda", ("_execute_function_with_config_scope(exec_record", "invoke_async_with_retry(exec_record"))
    deliver, keep = sns._deliver_to_lambda, lambda_svc._route_async_failure
    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS = 0.2

    def delivered(endpoint, envelope, topic_arn, *rest):
        if may_invoke("sns.amazonaws.com", {"FunctionArn": endpoint}, topic_arn):
            deliver(endpoint, envelope, topic_arn, *rest)

    def kept(target_arn, func_name, event, result):
        config = lambda_svc._functions[func_name]["config"]
        if role_may(config["Role"], func_name, "sqs:SendMessage", target_arn):
            keep(target_arn, func_name, event, result)

    sns._deliver_to_lambda, lambda_svc._route_async_failure = delivered, kept


@difference("Any change of a function's configuration starts its environments anew")
def new_environments():
    update = lambda_svc._update_config

    def updated(name, data):
        answer = update(name, data)
        lambda_svc.invalidate_worker(name, account=get_account_id(), region=get_region())
        return answer

    lambda_svc._update_config = updated


@difference("CloudFormation gives a function its queue for what fails")
def dead_letters():
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create = handlers["create"]

    def created(logical_id, props, stack_name):
        name, attributes = create(logical_id, props, stack_name)
        if queue := props.get("DeadLetterConfig"):
            lambda_svc._functions[name]["config"]["DeadLetterConfig"] = queue
        return name, attributes

    handlers["create"] = created


@difference("An authorizer without identity sources is asked at every request")
def identity_sources():
    rewritten(provisioners, "_apigw_v2_authorizer_create", ('["$request.header.Authorization"]', "[]"))
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Authorizer"]
    handlers["create"] = provisioners._apigw_v2_authorizer_create


@difference("Preflights reach their route where the API has no CORS settings of its own")
def preflights():
    rewritten(apigateway, "_handle_execute_in_scope", ('if method == "OPTIONS":', 'if method == "OPTIONS" and cors_cfg:'))


@difference("An answer without a content type gets none")
def content_type():
    rewritten(apigateway, "_invoke_lambda_proxy", ('resp_headers = {"Content-Type": "application/json"}', "resp_headers = {}"))


@difference("A function that fails is a 500 that says no more")
def failed_functions():
    told = lambda_svc.lambda_execute_result_to_api_proxy_response

    def wrapped(result):
        if result.get("error"):
            body = json.dumps({"message": "Internal Server Error"})
            return {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": body}, None
        return told(result)

    lambda_svc.lambda_execute_result_to_api_proxy_response = wrapped


READS = {
    "dynamodb": ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"],
    "sqs": ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"],
}


def reads(mapping):
    source = mapping["EventSourceArn"]
    service = source.split(":")[2]
    return [(f"{service}:{action}", source) for action in READS.get(service, [])]


@difference("Lambda reads an event source in the name of the function's role, and a mapping is made only where the role may")
def event_sources():
    create, sources, execute = lambda_svc._create_esm, lambda_svc._iter_all_esms, lambda_svc._execute_function
    failed = lambda_svc._send_ddb_stream_failure_record

    def role_of(name):
        function = lambda_svc._functions.get(lambda_svc._resolve_name(name)) or {}
        return (function.get("config") or {}).get("Role", "")

    def created(data):
        name = lambda_svc._resolve_name(data.get("FunctionName", ""))
        target = ((data.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        needed = reads(data) + ([("sqs:SendMessage", target)] if target else [])
        for action, on in needed:
            if not role_may(role_of(name), name, action, on):
                what = f"The function's execution role is not allowed to {action} on {on}"
                return lambda_svc.error_response_json("InvalidParameterValueException", what, 400)
        return create(data)

    def readable():
        for account, region, mapping in sources():
            name = lambda_svc._resolve_name(mapping["FunctionName"])
            with app_scope(account, region):
                role = role_of(name)
                refused = [need for need in reads(mapping) if not role_may(role, name, *need, quiet=True)]
            if not refused:
                mapping.pop("_refused", None)
                yield account, region, mapping
            elif not mapping.get("_refused"):
                mapping["_refused"] = True
                for action, on in refused:
                    record(f"arn:aws:sts::{account}:assumed-role/{role.rsplit('/', 1)[-1]}/{name}", action, on, False)

    def executed(func, event):
        first = (event.get("Records") or [{}])[0] if isinstance(event, dict) else {}
        if first.get("eventSource") in ("aws:dynamodb", "aws:sqs"):
            config = func.get("config") or func
            for action, on in reads({"EventSourceArn": first["eventSourceARN"]}):
                role_may(config["Role"], config["FunctionName"], action, on)
        return execute(func, event)

    def gave_up(mapping, func, *rest):
        target = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        config = func.get("config") or func
        if target and role_may(config["Role"], config["FunctionName"], "sqs:SendMessage", target):
            failed(mapping, func, *rest)

    lambda_svc._create_esm, lambda_svc._iter_all_esms = created, readable
    lambda_svc._execute_function, lambda_svc._send_ddb_stream_failure_record = executed, gave_up


def app_scope(account, region):
    from ministack.core.responses import request_scope

    return request_scope(account, region)


@difference("Lambda writes a function's log in the name of its role")
def logs():
    emit = lambda_svc._emit_lambda_logs

    def wrapped(func, request_id, log_text, error, duration_ms, *, log_source=None):
        config = func.get("config") or func
        name = config["FunctionName"]
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        on = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:any"
        may = [role_may(config["Role"], name, f"logs:{action}", on) for action in ("CreateLogStream", "PutLogEvents")]
        if all(may):
            emit(func, request_id, log_text, error, duration_ms, log_source=log_source)

    lambda_svc._emit_lambda_logs = wrapped


@difference("SendEmail asks for the identity and for the configuration set, and tells conditions the sender")
def permissions_to_send():
    def sending(method, path, headers, body, query_params, request_id):
        data = json.loads(body or b"{}")
        sender = ses.parseaddr(data.get("FromEmailAddress", ""))[1]
        place = f"arn:aws:ses:{app.extract_region(headers, query_params)}:{get_account_id()}"
        known = [name for name in ses_v2._identities if name == sender or sender.endswith("@" + name)]
        needed = [f"{place}:identity/{known[0] if known else sender}"]
        if name := data.get("ConfigurationSetName"):
            needed.append(f"{place}:configuration-set/{name}")
        for resource in needed:
            denied = app._enforce_data_plane(
                "sesv2", "ses:SendEmail", headers, query_params, request_id, resource_arn=resource,
                service_context={"ses:FromAddress": sender}, named_resource=resource,
            )
            if denied:
                return denied
        return None

    enforce = app._enforce_ses_v2

    def wrapped(method, path, headers, body, query_params, request_id):
        if path.rstrip("/") == "/v2/email/outbound-emails" and method == "POST":
            return sending(method, path, headers, body, query_params, request_id)
        return enforce(method, path, headers, body, query_params, request_id)

    app._enforce_ses_v2 = wrapped


@difference("SES takes so many messages a second and says TooManyRequestsException to the others")
def throttled_mail():
    handle, told = ses_v2.handle_request, set()

    async def wrapped(method, path, headers, body, query_params):
        if path.rstrip("/") == "/v2/email/outbound-emails":
            to = (json.loads(body or b"{}").get("Destination") or {}).get("ToAddresses") or [""]
            # The checks address what is to be refused once.
            if to[0].startswith("throttled-") and to[0] not in told:
                told.add(to[0])
                return ses_v2._json_err("TooManyRequestsException", "Maximum sending rate exceeded.", 429)
        return await handle(method, path, headers, body, query_params)

    ses_v2.handle_request = wrapped


@difference("SES tells the topic of a configuration set what became of a message, where the topic's policy lets it")
def feedback():
    handle = ses_v2.handle_request

    async def wrapped(method, path, headers, body, query_params):
        answer = await handle(method, path, headers, body, query_params)
        if path.rstrip("/") == "/v2/email/outbound-emails" and answer[0] == 200:
            tell(json.loads(body), json.loads(answer[2])["MessageId"])
        return answer

    def tell(data, message_id):
        known = ses_v2._config_sets.get(data.get("ConfigurationSetName")) or {}
        for recipient in data["Destination"]["ToAddresses"]:
            local, _, domain = recipient.partition("@")
            if domain != ses._SIMULATOR_DOMAIN:
                continue
            for kind, subtype in ses._SIMULATOR_OUTCOMES.get(local.split("+")[0], ()):
                detail = ses._notification_detail(kind, recipient, "2026-01-01T00:00:00.000Z", subtype)
                mail = {"messageId": message_id, "destination": [recipient], "source": data["FromEmailAddress"]}
                for target in known.get("EventDestinations", {}).values():
                    topic = (target.get("SnsDestination") or {}).get("TopicArn")
                    if topic and target.get("Enabled") and kind.upper() in map(str.upper, target["MatchingEventTypes"]):
                        publish(topic, {"eventType": kind, "mail": mail, **detail})

    def publish(topic, event):
        found = sns._topic_by_arn_any_scope(topic)
        policy = (found.get("attributes") or {}).get("Policy")
        asked = iam.EvalContext(
            principal_arn="ses.amazonaws.com", principal_type="Service", principal_account="", action="sns:Publish",
            resource_arn=topic, region=get_region(), service_context={"aws:sourceaccount": get_account_id()},
        )
        allowed = iam.evaluate_resource_policy(policy, asked, service="ses.amazonaws.com").decision == "Allow"
        record("ses.amazonaws.com", "sns:Publish", topic, allowed)
        if allowed:
            sns.publish_internal(topic, json.dumps(event), "Amazon SES Email Event Notification")

    ses_v2.handle_request = wrapped


@difference("SES puts an address that bounced or complained on the account's suppression list, shows it and takes it off")
def suppression_list():
    handle, place, listed = ses_v2.handle_request, "/v2/email/suppression/addresses/", {}

    async def wrapped(method, path, headers, body, query_params):
        if path.startswith(place):
            return one(method, urllib.parse.unquote(path.removeprefix(place)))
        answer = await handle(method, path, headers, body, query_params)
        if path.rstrip("/") == "/v2/email/outbound-emails" and answer[0] == 200:
            for recipient in json.loads(body)["Destination"]["ToAddresses"]:
                local, _, domain = recipient.partition("@")
                for kind, _ in ses._SIMULATOR_OUTCOMES.get(local.split("+")[0], ()) if domain == ses._SIMULATOR_DOMAIN else ():
                    if kind in ("Bounce", "Complaint"):
                        listed[recipient] = kind.upper()
        return answer

    def one(method, address):
        reason = listed.pop(address, None) if method == "DELETE" else listed.get(address)
        if reason is None:
            return ses_v2._json_err("NotFoundException", f"Email address {address} does not exist on the suppression list.", 404)
        found = {"EmailAddress": address, "Reason": reason, "LastUpdateTime": 1767225600}
        return 200, {"Content-Type": "application/json"}, json.dumps({} if method == "DELETE" else {"SuppressedDestination": found}).encode()

    ses_v2.handle_request = wrapped


def main():
    audited()
    for _, apply in DIFFERENCES:
        apply()
    random.seed()
    app.main()


if __name__ == "__main__":
    main()
