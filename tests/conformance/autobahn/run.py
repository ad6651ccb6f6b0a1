"""Runs the Autobahn cases against a WebSocket echo server and prints what failed.

    python run.py ws://127.0.0.1:9001/echo [--cases 1. 6.4] [--report FILE]

A case passes as OK, NON-STRICT or INFORMATIONAL, the closing behaviour included. The last line is
`autobahn: N passed, N failed`; the exit code is 1 when a case failed.
"""

import argparse
import asyncio
import json
import time
import urllib.parse

import cases
from peer import Peer

PASSING = {"OK", "NON-STRICT", "INFORMATIONAL"}
# Cases of group 9 measure throughput and run alone.
AT_ONCE = 8
DEADLINE = 120


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--cases", nargs="*", default=[""], help="prefixes of case ids")
    parser.add_argument("--report", help="write every result as JSON")
    wanted = parser.parse_args()
    url = urllib.parse.urlsplit(wanted.url)

    chosen = {id: case for id, case in cases.load().items() if id.startswith(tuple(wanted.cases))}
    print(f"Autobahn {cases.suite_version()}: {len(chosen)} cases", flush=True)
    light = [id for id in chosen if not id.startswith("9.")]
    heavy = [id for id in chosen if id.startswith("9.")]
    places = asyncio.Semaphore(AT_ONCE)
    results = {}

    async def play(id):
        async with places:
            results[id] = await one(chosen[id], url)
            if len(results) % 50 == 0:
                print(f"  {len(results)} of {len(chosen)}", flush=True)

    await asyncio.gather(*map(play, light))
    for id in heavy:
        await play(id)

    failed = {id: r for id, r in results.items() if not {r["behavior"], r["close"]} <= PASSING}
    tally = {}
    for result in results.values():
        tally[result["behavior"]] = tally.get(result["behavior"], 0) + 1
    for id, result in failed.items():
        print(f"FAILED {id}: {result}")
    if wanted.report:
        with open(wanted.report, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    print("  " + ", ".join(f"{name} {count}" for name, count in sorted(tally.items())))
    print(f"autobahn: {len(results) - len(failed)} passed, {len(failed)} failed")
    raise SystemExit(1 if failed or not results else 0)


async def one(case_class, url):
    began = time.monotonic()
    peer = Peer(case_class)
    try:
        await asyncio.wait_for(peer.run(url.hostname, url.port, url.path or "/"), DEADLINE)
    except (OSError, asyncio.TimeoutError) as error:
        peer.case.result = f"{type(error).__name__}: {error}"
        peer.case.behavior = "FAILED"
    return {
        "behavior": peer.case.behavior,
        "close": peer.case.behaviorClose,
        "result": peer.case.result,
        "resultClose": peer.case.resultClose,
        "closeCode": peer.remoteCloseCode,
        "milliseconds": round((time.monotonic() - began) * 1000),
    }


asyncio.run(main())
