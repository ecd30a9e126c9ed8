"""What the stack grants, what of it was used, and what happens without it."""

import collections
import fnmatch
import json

from stack import client

Grant = collections.namedtuple("Grant", "holder action on")

# Granted, and used by none of the steps.
UNUSED = {
    "logs:CreateLogGroup": "part of the managed policy that SAM gives every function; the template makes the groups itself",
}
# Granted and used, and its absence fails no step.
UNNOTICED = {
    "logs:CreateLogStream": "a function without a log answers all the same",
    "logs:PutLogEvents": "a function without a log answers all the same",
    "CourierFunction dynamodb:GetItem FlowsTable": "without this permission the courier cannot tell whether a code is still useful, and sends it",
}


def excused(grant, reasons):
    for what, reason in reasons.items():
        holder, action, on = what.split(" ") if " " in what else (grant.holder, what, "")
        if (holder, action) == (grant.holder, grant.action) and on in grant.on:
            return reason
    return None


def listed(value):
    return value if isinstance(value, list) else [value]


def single(document):
    """A document's statements, each of one action on one resource."""
    for statement in listed(document["Statement"]):
        for action in listed(statement["Action"]):
            for on in listed(statement.get("Resource", "*")):
                yield {**statement, "Action": action, "Resource": on}


class Permissions:
    def __init__(self, resources):
        self.iam, self.functions, self.sns = client("iam"), client("lambda"), client("sns")
        self.resources = resources
        self.names = {physical: logical for logical, physical in resources.items() if logical.endswith("Function")}
        self.roles = {logical: physical for logical, physical in resources.items() if logical.endswith("FunctionRole")}

    def holder(self, principal):
        """The function whose role a caller has, or the service that calls."""
        if ":assumed-role/" not in principal:
            return principal
        role = principal.split("/")[1]
        return next((name.removesuffix("Role") for name, physical in self.roles.items() if physical == role), role)

    def granted(self):
        for logical, role in self.roles.items():
            for document in [*self.inline(role).values(), *self.managed(role)]:
                for statement in single(document):
                    yield Grant(logical.removesuffix("Role"), statement["Action"], statement["Resource"])
        for physical, logical in self.names.items():
            for statement in self.policy(physical):
                source = statement["Condition"]["ArnLike"]["AWS:SourceArn"]
                yield Grant(statement["Principal"]["Service"], "lambda:InvokeFunction", f"{statement['Resource']} for {source}")
        topic = self.resources["CourierFeedbackTopic"]
        document = json.loads(self.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
        for statement in single(document):
            yield Grant(statement["Principal"]["Service"], statement["Action"], statement["Resource"])

    def inline(self, role):
        names = self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        return {name: self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}

    def managed(self, role):
        for policy in self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            version = self.iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
            yield self.iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)["PolicyVersion"]["Document"]

    def policy(self, function):
        try:
            return json.loads(self.functions.get_policy(FunctionName=function)["Policy"])["Statement"]
        except self.functions.exceptions.ResourceNotFoundException:
            return []

    def used(self, grants, decisions):
        """Which grants these decisions rest on."""
        allowed = {(self.holder(d["by"]), d["action"], d["on"]) for d in decisions if d["allowed"]}
        return {
            grant
            for grant in grants
            if any(
                holder == grant.holder and action == grant.action and (on == grant.on or fnmatch.fnmatchcase(on, grant.on))
                for holder, action, on in allowed
            )
        }

    def denied(self, decisions):
        return sorted({(self.holder(d["by"]), d["action"], d["on"]) for d in decisions if not d["allowed"]})

    def without(self, grant):
        """Takes a grant away; what puts it back."""
        if grant.action == "lambda:InvokeFunction":
            return self._without_invocation(grant)
        if not grant.holder.endswith("Function"):
            return self._without_publishing(grant)
        role = self.roles[grant.holder + "Role"]
        for name, document in self.inline(role).items():
            rest = [s for s in single(document) if (s["Action"], s["Resource"]) != (grant.action, grant.on)]
            if len(rest) == len(list(single(document))):
                continue

            def put(statements, name=name):
                text = json.dumps({"Version": "2012-10-17", "Statement": statements})
                self.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)

            put(rest or [{"Effect": "Allow", "Action": "none:None", "Resource": "*"}])
            self.start_anew(self.resources[grant.holder])

            def back(document=document):
                put(listed(document["Statement"]))
                self.start_anew(self.resources[grant.holder])

            return back
        return None

    def _without_invocation(self, grant):
        function, _, source = grant.on.partition(" for ")
        name = function.rsplit(":", 1)[-1]
        for statement in self.policy(name):
            if statement["Condition"]["ArnLike"]["AWS:SourceArn"] == source:
                self.functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
                return lambda: self.functions.add_permission(
                    FunctionName=name, StatementId=statement["Sid"], Action="lambda:InvokeFunction",
                    Principal=statement["Principal"]["Service"], SourceArn=source,
                )
        return None

    def _without_publishing(self, grant):
        topic = grant.on
        policy = self.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
        none = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=none)
        return lambda: self.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)

    def start_anew(self, function):
        """Ends a function's running environments, as any change of its configuration does."""
        said = self.functions.get_function_configuration(FunctionName=function).get("Description", "")
        self.functions.update_function_configuration(FunctionName=function, Description="anew" if said != "anew" else "again")
