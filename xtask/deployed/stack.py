"""Builds and deploys the project as its users do, onto an emulator on this machine."""

import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import time
import urllib.request

import boto3
from botocore.config import Config

REGION = "eu-central-1"
ACCOUNT = "000000000000"
NAME = "latchkey-tried"
PORT = 4566
ENDPOINT = f"http://127.0.0.1:{PORT}"
# The emulator's own account, whose principal may do everything.
ROOT = {"AWS_ACCESS_KEY_ID": "deployer", "AWS_SECRET_ACCESS_KEY": "deployer-secret"}
PARAMETERS = {
    "Architecture": "x86_64",
    "SignInByCode": "true",
    "MailFrom": "login@mail.example.org",
    "MailIdentity": "mail.example.org",
    "SampleProtectedRoute": "true",
    "CorsAllowedOrigins": "https://app.example.org",
    "AllowedReturnUrls": "https://app.example.org",
    # The APIs' certificates are of an authority that this run makes.
    "TrustedRoots": "authority.pem",
}

# What `cargo` stands for while `sam build` makes the configuration layer: the stack that was built before.
CARGO = """#!/bin/sh
set -eu
while [ "$1" != -- ]; do shift; done
shift
exec "{binaries}/latchkey" "$@"
"""


def environment():
    """What a command is given: who deploys, where to, and nothing that leads elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept, **ROOT,
        "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0",
    }


def client(service):
    return boto3.client(
        service, endpoint_url=ENDPOINT, region_name=REGION, config=Config(retries={"max_attempts": 1}),
        aws_access_key_id=ROOT["AWS_ACCESS_KEY_ID"], aws_secret_access_key=ROOT["AWS_SECRET_ACCESS_KEY"],
    )


class Emulator:
    """The emulator in a process of its own, with what it decided."""

    def __init__(self, work):
        self.audit = work / "audit.jsonl"
        self.audit.write_text("")
        self.log = open(work / "emulator.log", "w")
        more = {
            "GATEWAY_PORT": str(PORT), "BIND_HOST": "127.0.0.1", "AUTH": "true", "AUDIT": str(self.audit), "WORK": str(work),
            # Its hosts are the names that AWS gives to APIs.
            "MINISTACK_HOST": f"{REGION}.amazonaws.com", "MINISTACK_REGION": REGION, "TMPDIR": str(work),
            "LAMBDA_WARM_TTL_SECONDS": "3600",
        }
        env = {name: value for name, value in environment().items() if name != "AWS_ENDPOINT_URL"}
        script = pathlib.Path(__file__).with_name("emulator.py")
        self.process = subprocess.Popen([sys.executable, str(script)], env={**env, **more}, stdout=self.log, stderr=self.log)

    def wait(self):
        for _ in range(300):
            if self.process.poll() is not None:
                raise SystemExit(f"the emulator ended: see {self.log.name}")
            try:
                urllib.request.urlopen(f"{ENDPOINT}/_ministack/health", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the emulator does not answer")

    def decisions(self, start=0):
        """What was decided since a place in the file, and the place where it ends now."""
        with open(self.audit) as file:
            file.seek(start)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines()], start + len(whole)

    def mails(self):
        """What SES was given, oldest first."""
        text = urllib.request.urlopen(f"{ENDPOINT}/_ministack/ses/messages?account={ACCOUNT}", timeout=10).read()
        found = json.loads(text).get("messages", [])
        if isinstance(found, dict):
            found = [message for messages in found.values() for message in messages]
        return found

    def mail(self, address):
        """The same for an address."""
        return [message for message in self.mails() if address in message["To"]]

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Stack:
    def __init__(self, root, work, binaries, tools):
        self.root, self.work, self.binaries, self.tools = root, work, binaries, tools
        self.copy, self.built = work / "project", work / "built"
        self.parameters = dict(PARAMETERS)

    def sam(self, *words):
        env = environment()
        env["PATH"] = f"{self.work / 'bin'}:{self.tools}:{env['PATH']}"
        # Binaries that were built before, in place of a release build of every function.
        env["LATCHKEY_BINARIES"] = str(self.work / "stripped")
        done = subprocess.run([str(self.tools / "sam"), *words], cwd=self.copy, env=env, capture_output=True, text=True)
        if done.returncode != 0:
            said = (done.stdout + done.stderr)[-2000:]
            raise SystemExit("\n".join([f"sam {words[0]} failed:", *(self.failures() or [said])]))

    def failures(self):
        """Why resources could not be made."""
        try:
            events = client("cloudformation").describe_stack_events(StackName=NAME)["StackEvents"]
        except Exception:  # There is no stack, or no emulator yet.
            return []
        return [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events if "FAILED" in e["ResourceStatus"]]

    def overrides(self):
        return ["--parameter-overrides", *(f"{name}={value}" for name, value in self.parameters.items())]

    def build(self, authority):
        """`sam build` of a copy of the project, with the authority of its certificates in its configuration folder."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.rmtree(self.built, ignore_errors=True)
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=self.root, capture_output=True, text=True, check=True).stdout
        for name in filter(None, listed.split("\0")):
            if (self.root / name).is_file():
                (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.root / name, self.copy / name)
        shutil.copy2(authority, self.copy / "config/authority.pem")
        self.stand_in()
        self.sam("build", "--parallel", "--build-dir", str(self.built), *self.overrides())

    def stand_in(self):
        folder, stripped = self.work / "bin", self.work / "stripped"
        folder.mkdir(exist_ok=True)
        stripped.mkdir(exist_ok=True)
        cargo = folder / "cargo"
        cargo.write_text(CARGO.format(binaries=self.binaries))
        cargo.chmod(0o755)
        functions = [path.name for path in (self.root / "functions").iterdir() if (path / "Cargo.toml").is_file()]
        running = []
        for name in functions:
            source, target = self.binaries / name, stripped / name
            if not source.is_file():
                raise SystemExit(f"{source} is not there: build the workspace first")
            if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
                running.append(subprocess.Popen(["strip", "-o", str(target), str(source)]))
        for process in running:
            if process.wait() != 0:
                raise SystemExit("a binary cannot be stripped")

    def deploy(self):
        """`sam deploy` of what was built; the stack's outputs."""
        self.sam(
            "deploy", "--template-file", str(self.built / "template.yaml"), "--stack-name", NAME, "--resolve-s3",
            "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND",
            *self.overrides(),
        )
        [stack] = client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def resources(self):
        """Physical names by logical ones."""
        pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=NAME)
        return {
            found["LogicalResourceId"]: found["PhysicalResourceId"] for page in pages for found in page["StackResourceSummaries"]
        }
