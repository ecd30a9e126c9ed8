"""`cargo xtask deployed`: the project, deployed by SAM onto an emulator and tried. Runs in a network namespace and a mount namespace of
its own, as root of them."""

import argparse
import json
import os
import pathlib
import secrets
import subprocess
import sys
import time

import network
import stack as stacks
import steps
from permissions import UNNOTICED, UNUSED, Permissions, excused
from steps import STEPS, Failed, Sdk, World


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("root", "work", "binaries", "tools", "sdk-python"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--bite", action="store_true")
    parser.add_argument("--only", default="")
    return parser.parse_args()


class Run:
    def __init__(self, given):
        self.given, self.wrong = given, []
        given.work.mkdir(parents=True, exist_ok=True)
        self.emulator = stacks.Emulator(given.work)
        self.front = network.Front(given.work, stacks.PORT)
        self.stack = stacks.Stack(given.root, given.work, given.binaries, given.tools)
        self.used = {}
        self.place = 0

    def up(self):
        began = time.monotonic()
        self.stack.build(self.front.trust)
        print(f"sam build      {time.monotonic() - began:5.1f} s")
        self.emulator.wait()
        stacks.client("sesv2").create_email_identity(EmailIdentity=stacks.PARAMETERS["MailIdentity"])
        began = time.monotonic()
        self.outputs = self.stack.deploy()
        print(f"sam deploy     {time.monotonic() - began:5.1f} s")
        self.resources = self.stack.resources()
        self.front.serve([self.outputs[name].split("/")[2] for name in ("PublicUrl", "AdminUrl")])
        self.permissions = Permissions(self.resources)
        self.grants = set(self.permissions.granted())
        clients = {name: stacks.client(name) for name in ("secretsmanager", "lambda", "sqs", "dynamodb", "sesv2")}
        sdk = Sdk(self.given.root / "xtask/sdk", self.given.sdk_python)
        self.world = World(
            self.outputs, self.resources, self.emulator, self.front.trust, self.administrator(), self.given.binaries, sdk, clients
        )
        # What deploying itself used.
        for grant in self.permissions.used(self.grants, self.account()):
            self.used.setdefault(grant, [])

    def administrator(self):
        """A user who may call the admin API and nothing else."""
        iam = stacks.client("iam")
        iam.create_user(UserName="administrator")
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": self.outputs["AdminInvokeArn"]}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="administrator", PolicyName="invoke", PolicyDocument=document)
        key = iam.create_access_key(UserName="administrator")["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def account(self):
        """Adds what was decided since the last time to what is known; gives the decisions."""
        decisions, self.place = self.emulator.decisions(self.place)
        return decisions

    def step(self, title, function, loud=True):
        began, why = time.monotonic(), None
        try:
            function(self.world)
        except (Failed, OSError, AssertionError, LookupError, TypeError, ValueError, subprocess.TimeoutExpired) as failure:
            why = f"{type(failure).__name__}: {failure}" if not isinstance(failure, Failed) else str(failure)
        decisions = self.account()
        for grant in self.permissions.used(self.grants, decisions):
            self.used.setdefault(grant, []).append((time.monotonic() - began, title))
        if loud:
            print(f"{'FAILED' if why else 'ok':<7}{time.monotonic() - began:5.1f} s  {title}")
            if why:
                print("       " + why)
        return why, decisions

    def steps(self, chosen=None):
        for title, function in STEPS:
            if self.given.only not in title or (chosen and title not in chosen):
                continue
            why, decisions = self.step(title, function)
            if why:
                self.wrong.append(title)
            denied = [one for one in self.permissions.denied(decisions) if one[0].endswith("Function") or "amazonaws" in one[0]]
            for holder, action, on in denied:
                self.wrong.append(f"{holder} was denied {action} on {on}")
                print(f"       denied: {holder}, {action} on {on}")

    def unused(self):
        for grant in sorted(self.grants - set(self.used)):
            reason = excused(grant, UNUSED)
            if reason is None:
                self.wrong.append(f"nothing used {grant.action} of {grant.holder} on {grant.on}")
                print(f"unused: {grant.holder}, {grant.action} on {grant.on}")
        print(f"{len(set(self.used))} of {len(self.grants)} granted permissions were used")

    def rotated(self):
        """Each secret is rotated while every function is warm, and its old line taken away."""
        aws, resources = self.world.aws["secretsmanager"], self.resources
        cookie = json.loads(aws.get_secret_value(SecretId=resources["Secrets"])["SecretString"])
        old_cookie = cookie.get("secrets.cookie") or cookie["secrets"]["cookie"][0]
        old_courier = aws.get_secret_value(SecretId=resources["CourierSecret"])["SecretString"].splitlines()[0]
        new_cookie, new_courier = secrets.token_hex(32), secrets.token_hex(32)
        began = time.monotonic()
        key = self.sealed_for()
        put = lambda name, text: aws.put_secret_value(SecretId=resources[name], SecretString=text)  # noqa: E731
        put("Secrets", json.dumps({"secrets": {"cookie": [new_cookie, old_cookie]}}))
        put("CourierSecret", f"{new_courier}\n{old_courier}")
        self.stack.parameters["CourierKeyRevision"] = "2"
        self.stack.deploy()
        print(f"secrets rotated, stack updated {time.monotonic() - began:5.1f} s")
        if self.sealed_for() == key:
            self.wrong.append("the courier's key is the old one after its secret was rotated")
        rotating = [title for title, function in STEPS if function in (steps.by_code, steps.sign_out)]
        self.steps(rotating)
        put("Secrets", json.dumps({"secrets": {"cookie": [new_cookie]}}))
        put("CourierSecret", new_courier)
        print("the old lines are gone")
        self.steps([*rotating, steps.STEPS[0][0]])

    def sealed_for(self):
        found = self.world.aws["lambda"].get_function_configuration(FunctionName=self.resources["LoginSubmitFunction"])
        return found["Environment"]["Variables"]["LATCHKEY_COURIER_KEY"]

    def bite(self):
        """Takes each permission away in turn. A step that used it has to fail."""
        titles, missed = dict(STEPS), []
        steps.HURRIED = True
        for grant in sorted(self.used):
            back = self.permissions.without(grant)
            if back is None:
                if excused(grant, UNNOTICED) is None:
                    missed.append(grant)
                continue
            began, noticed = time.monotonic(), None
            for _, title in sorted(set(self.used[grant])):
                if self.step(title, titles[title], loud=False)[0]:
                    noticed = title
                    break
            back()
            self.account()
            print(f"{'bites' if noticed else 'MISSED':<7}{time.monotonic() - began:5.1f} s  {grant.holder}, {grant.action} on {grant.on}")
            if not noticed and excused(grant, UNNOTICED) is None:
                missed.append(grant)
        for grant in missed:
            self.wrong.append(f"no step fails without {grant.action} of {grant.holder} on {grant.on}")


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    began = time.monotonic()
    run = Run(arguments())
    try:
        run.up()
        print(f"a running stack of {len(run.resources)} resources after {time.monotonic() - began:.1f} s")
        run.steps()
        if not run.given.only:
            run.unused()
            if run.given.bite:
                run.bite()
            else:
                run.rotated()
    finally:
        run.emulator.stop()
    print(f"{len(run.wrong)} wrong, {time.monotonic() - began:.0f} s in all")
    for what in run.wrong:
        print(f"  {what}")
    sys.stdout.flush()
    os._exit(1 if run.wrong else 0)


if __name__ == "__main__":
    main()
