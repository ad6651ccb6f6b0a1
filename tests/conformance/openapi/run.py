"""Asks every operation of the OpenAPI document as everyone there is, and holds the answers to it.

    python run.py BINARY [--as doctor nobody] [--postgres URL] [--logs DIRECTORY]

Everyone gets a hub of their own with the demonstration data, as the requests change it, and with
`--postgres` another one there, which is asked less: what the databases may differ in are
statements, and every operation runs all of its own for a few requests. An
operation fails for a caller when an answer is a 5xx, or its status, media type, headers or body
are not as documented; `schemathesis.toml` says what is asked. The last line is
`schemathesis: N passed, N failed`; the exit code is 1 when an operation failed.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import requests

import examples
from hub import SERVICE_KEY, Hub

# Hashing gives way to all other work, so on a busy machine a sign-in takes its time.
PATIENCE = 60
HERE = pathlib.Path(__file__).parent
# The administrator gets deepest, and is also asked everything that is wrong; what is sound is asked
# by all.
THOROUGH = ["--phases", "examples,coverage,fuzzing", "--mode", "all"]
SOUND = ["--phases", "examples,coverage", "--mode", "positive"]
BRIEF = ["--phases", "examples", "--mode", "positive"]
CALLERS = {
    "admin": THOROUGH,
    "doctor": SOUND,
    "institution": SOUND,
    "patient": SOUND,
    "service": SOUND,
    "company": SOUND,
    "professional": SOUND,
    "client": SOUND,
    "nobody": SOUND,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--as", dest="callers", nargs="*", choices=CALLERS, default=list(CALLERS))
    parser.add_argument("--postgres", metavar="URL", help="ask hubs on this server as well")
    parser.add_argument("--logs", type=pathlib.Path, help="keep what was asked and answered")
    wanted = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latido-openapi-") as place:
        logs = (wanted.logs or pathlib.Path(place) / "logs").absolute()
        passed, failed = show_examples(wanted.binary.absolute(), pathlib.Path(place), logs)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            databases = [None, wanted.postgres] if wanted.postgres else [None]
            asked = [
                pool.submit(ask, caller, database, wanted.binary.absolute(), pathlib.Path(place), logs)
                for database in databases
                for caller in wanted.callers
            ]
            for outcome in concurrent.futures.as_completed(asked):
                sound, broken = outcome.result()
                passed, failed = passed + sound, failed + broken
    print(f"{time.monotonic() - began:.0f} s")
    print(f"schemathesis: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


def show_examples(binary, place, logs):
    """How many operations have examples that fit their schemas, and how many have not."""
    logs.mkdir(parents=True, exist_ok=True)
    with Hub(binary, place / "examples", logs / "hub.log") as hub:
        document = document_of(hub)
    wrong = {name: faults for name, faults in examples.check(document).items() if faults}
    for name, faults in wrong.items():
        print(f"{name} shows what its schema does not allow:", *faults, sep="\n  ")
    count = sum(map(len, document["paths"].values()))
    print(f"examples: {count} operations, {len(wrong)} failed", flush=True)
    return count - len(wrong), len(wrong)


def document_of(hub):
    return requests.get(hub.url + "/openapi.json", timeout=PATIENCE).json()


def ask(caller, postgres, binary, place, logs):
    """How many operations kept to the document for the caller, and how many did not."""
    name = f"{caller}-on-postgres" if postgres else caller
    folder = logs / name
    folder.mkdir(parents=True, exist_ok=True)
    with Hub(binary, place / name, folder / "hub.log", postgres) as hub:
        # Made when first asked for, which schemathesis waits for less long.
        document_of(hub)
        phases = CALLERS[caller]
        if postgres:
            phases = SOUND if phases is THOROUGH else BRIEF
        command = [
            *[sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml"],
            *["run", hub.url + "/openapi.json", *phases, "--no-color"],
            *["--report-junit-path", folder / "junit.xml"],
            *["--report-ndjson-path", folder / "asked.ndjson"],
        ]
        environment = {**os.environ, "PYTHONPATH": str(HERE), "LATIDO_URL": hub.url}
        if caller == "service":
            command += ["--header", f"X-Service-Key: {SERVICE_KEY}"]
        elif caller != "nobody":
            environment["LATIDO_EMAIL"] = f"{caller}@demo.latido"
        run = subprocess.run(
            command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        (folder / "schemathesis.log").write_bytes(run.stdout)
        is_lost = caller_is_lost(hub, environment.get("LATIDO_EMAIL"))
    operations = list(xml.etree.ElementTree.parse(folder / "junit.xml").iter("testcase"))
    broken = [one for one in operations if one.find("failure") is not None or one.find("error") is not None]
    complaints = len(broken) + is_lost
    # It may also fail as a whole, as when it could not read the document.
    if run.returncode != 0 and not broken:
        complaints += 1
    if complaints:
        print(run.stdout.decode(errors="replace"))
    requests_made, succeeded = tally(folder / "asked.ndjson")
    print(
        f"{name}: {len(operations)} operations, {requests_made} requests,"
        f" {succeeded} operations succeeded, {complaints} failed",
        flush=True,
    )
    return len(operations) - len(broken), complaints


def caller_is_lost(hub, email):
    """Whether the requests took the caller's account away, so that the rest was asked by nobody."""
    if email is None:
        return False
    body = {"username": email, "password": "password123"}
    try:
        answer = requests.post(hub.url + "/auth/login", json=body, timeout=PATIENCE)
        if answer.status_code == 200:
            return False
        reason = f"{answer.status_code} {answer.text}"
    except requests.RequestException as error:
        reason = str(error)
    print(f"{email} cannot sign in any more: {reason}")
    return True


def tally(path):
    """How many requests were made, and how many operations answered one of them with success."""
    made, succeeded = 0, set()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            for interaction in recorder.get("interactions", {}).values():
                made += 1
                status = (interaction.get("response") or {}).get("status_code", 0)
                if 200 <= status < 300:
                    succeeded.add(recorder["label"])
    return made, len(succeeded)


main()
