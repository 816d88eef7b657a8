"""Kills the server and its workers at random moments under load and checks every promise: ``python -m bench.crash_campaign --kills 200``.

Clients fuse (official SDK), an operator imports, reviews and deletes (admin API). Every successful answer is written down
and must hold after every restart: results are served byte for byte until they expire, imports and decisions are there, deletions stay
deleted, no account pays twice. ``facemeld doctor`` must find no row without its files, and nothing at all after ``--repair``.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from bench.pictures import astronaut, hopper, jpeg
from scripts.demo import FACEMELD, facemeld
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.facefusion.v20220927 import facefusion_client

FUSERS = 2
BALANCE = 1_000_000
SAMPLE = 40
PATIENCE = 60
MAY_BE_LEFT = frozenset({"materials", "results", "unfinished files"})
"""Checks of the doctor that may find leftovers of a crash, which ``--repair`` removes."""


@dataclass
class Ledger:
    """Promises made by replies, and calls that are open because their reply was lost."""

    results: dict[str, str] = field(default_factory=dict)
    materials: dict[str, tuple[str, int]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        """One more of something."""
        with self.lock:
            self.counts[what] += 1

    def violated(self, what: str) -> None:
        """A promise was broken."""
        with self.lock:
            self.violations.append(what)
        print(f"VIOLATION: {what}", flush=True)


@dataclass
class Site:
    """A data folder with a customer and an operator, and the server on it while it runs."""

    data: Path
    log: Path
    template: bytes
    user: str
    secret: tuple[str, str]
    project: str
    model: str
    token: str
    process: subprocess.Popen[str] | None = None
    port: int = 0
    up: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the server; returns when it is ready."""
        environment = {**os.environ, "FACEMELD_WORKERS_COUNT": "2", "FACEMELD_MARKS_CREDENTIALS": "true"}
        command = [*FACEMELD, "serve", "--port", "0", "--data", str(self.data)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Facemeld is ready on http://"):
                self.port = int(line.rsplit(":", 1)[1])
                self.up.set()
                return
        raise SystemExit(f"the server ended with status {self.process.wait()}: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """``kill -9``."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGKILL)
        self.up.clear()
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> None:
        """End in good order."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.up.clear()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()

    def workers(self) -> list[int]:
        """Worker processes: children of the server's fork server."""
        assert self.process is not None
        return [worker for child in _children(self.process.pid) for worker in _children(child)]

    def client(self) -> facefusion_client.FacefusionClient:
        """The official client."""
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=f"127.0.0.1:{self.port}", reqTimeout=PATIENCE))
        return facefusion_client.FacefusionClient(credential.Credential(*self.secret), "ap-guangzhou", profile)

    def admin(self) -> httpx.Client:
        """A client of the admin API."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}/admin/v1", headers=headers, timeout=PATIENCE)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


@contextmanager
def new_site() -> Iterator[Site]:
    """A data folder with all that the load needs."""
    with tempfile.TemporaryDirectory(prefix="facemeld-crash-") as name:
        folder = Path(name)
        data = folder / "data"
        where = ("--data", str(data), "--json")
        template, user = (jpeg(picture.resize((256, 256))) for picture in (hopper(), astronaut()))
        (folder / "template.jpg").write_bytes(template)
        key = facemeld("key", "create", "--account", "crash", *where)
        facemeld("account", "set", "crash", "--balance", str(BALANCE), *where)
        project = facemeld("activity", "create", "crash", "--account", "crash", *where)["ProjectId"]
        model = facemeld("material", "add", project, str(folder / "template.jpg"), "--approve", *where)["ModelId"]
        facemeld("user", "create", "crash", "--role", "owner", "--generate", *where)
        token = facemeld("user", "token", "create", "crash", *where)["Token"]
        photo = base64.b64encode(user).decode()
        yield Site(data, folder / "server.log", template, photo, (key["SecretId"], key["SecretKey"]), project, model, token)


def fuse(site: Site, ledger: Ledger) -> None:
    """One fusion; a promised result is read from the store at once, so that its digest is known whatever happens next."""
    ledger.count("fusions begun")
    names = {"ProjectId": site.project, "ModelId": site.model, "RspImgType": "url"}
    try:
        reply = site.client().call_json("FuseFace", {**names, "MergeInfos": [{"Image": site.user}]})
    except TencentCloudSDKException as error:
        lost = error.code in {"ClientNetworkError", "ServerNetworkError", "ClientParamsError"}
        ledger.count("fusions unanswered" if lost else f"fusions answered {error.code}")
        return
    ledger.count("fusions answered")
    address = str(reply["Response"]["FusedImage"]).partition("/results/")[2]
    name = address.partition("?")[0]
    files = list((site.data / "results").glob(f"*/{name}"))
    if len(files) != 1:
        ledger.violated(f"result {name} was promised, and is in the store {len(files)} times")
        return
    with ledger.lock:
        ledger.results[address] = hashlib.sha256(files[0].read_bytes()).hexdigest()


def administer(site: Site, ledger: Ledger, dice: random.Random) -> None:
    """One import with its decision, now and then a deletion."""
    material = ""
    # A comment after the picture's end makes every file another one.
    picture = site.template + dice.randbytes(16)
    try:
        with site.admin() as admin:
            reply = admin.post(
                f"/activities/{site.project}/materials",
                params={"name": "crash.jpg"},
                content=picture,
                headers={"Content-Type": "image/jpeg"},
            )
            if reply.status_code != 201:
                ledger.count(f"imports answered {reply.status_code}")
                return
            material = reply.json()["id"]
            digest = hashlib.sha256(picture).hexdigest()
            _promise(ledger, "imports", material, (digest, 0))
            approve = dice.random() < 0.5
            _unsure(ledger, material)
            done = admin.post(f"/materials/{material}/{'approve' if approve else 'reject'}", json={"reason": "campaign"})
            if done.status_code != 200:
                ledger.count(f"reviews answered {done.status_code}")
                return
            _promise(ledger, "reviews", material, (digest, 1 if approve else 2))
            if dice.random() < 0.4:
                _unsure(ledger, material)
                if admin.delete(f"/materials/{material}").status_code == 204:
                    with ledger.lock:
                        ledger.deleted.add(material)
                        ledger.counts["deletions"] += 1
    except httpx.HTTPError:
        ledger.count("administrative requests unanswered")


def _promise(ledger: Ledger, what: str, material: str, state: tuple[str, int]) -> None:
    with ledger.lock:
        ledger.materials[material] = state
        ledger.unsure.discard(material)
        ledger.counts[what] += 1


def _unsure(ledger: Ledger, material: str) -> None:
    with ledger.lock:
        ledger.unsure.add(material)


def keep_busy(site: Site, work: Callable[[], None]) -> None:
    """Do some work again and again while the server is up."""
    while not site.over.is_set():
        if site.up.wait(0.1):
            work()


def check_results(site: Site, ledger: Ledger, addresses: list[str]) -> None:
    """Every address serves what was promised."""
    with httpx.Client(base_url=f"http://127.0.0.1:{site.port}", timeout=PATIENCE) as client:
        for address in addresses:
            reply = client.get(f"/results/{address}")
            if reply.status_code != 200 or hashlib.sha256(reply.content).hexdigest() != ledger.results[address]:
                ledger.violated(f"result {address.partition('?')[0]} answers {reply.status_code} or has changed")
            ledger.count("results verified")


def check_materials(site: Site, ledger: Ledger, materials: list[str]) -> None:
    """Every import and decision is there; what was deleted stays so."""
    with site.admin() as admin:
        for material in materials:
            fault = _fault(admin, ledger, material)
            for _ in range(3):
                if fault:
                    # The operator may be at work on this very material: the next look sees what came of it.
                    time.sleep(0.5)
                    fault = _fault(admin, ledger, material)
            if fault:
                ledger.violated(f"material {material} {fault}")
            ledger.count("materials verified")


def _fault(admin: httpx.Client, ledger: Ledger, material: str) -> str:
    """Return the fault of a material now; empty if there is none."""
    with ledger.lock:
        (digest, status), deleted, unsure = ledger.materials[material], material in ledger.deleted, material in ledger.unsure
    reply = admin.get(f"/materials/{material}")
    if deleted:
        return "" if reply.status_code == 410 else f"was deleted and answers {reply.status_code}"
    if reply.status_code == 410 and unsure:
        return ""  # the answer to its deletion was lost
    if reply.status_code != 200:
        return f"answers {reply.status_code}"
    if not unsure and reply.json()["status"] != status:
        return f"must have status {status}, got {reply.json()['status']}"
    picture = admin.get(f"/materials/{material}/picture").content
    return "" if hashlib.sha256(picture).hexdigest() == digest else "has another picture"


def doctor(site: Site, ledger: Ledger, *, repair: bool) -> None:
    """No row may lack its files; after a repair, nothing may be left over."""
    command = [*FACEMELD, "doctor", "--json", "--data", str(site.data), *(["--repair"] if repair else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    for finding in findings.values():
        excused = finding["check"] in MAY_BE_LEFT and not repair and "lost" not in finding["found"]
        if not finding["ok"] and not excused:
            ledger.violated(f"doctor{' --repair' if repair else ''}: {finding['check']}: {finding['found']} {finding['details']}")
        if not finding["ok"] and excused:
            ledger.count(f"leftovers found by the check {finding['check']}")
    ledger.count("repairs" if repair else "examinations")


def check_balance(site: Site, ledger: Ledger) -> None:
    """Each answered fusion was paid once; one whose answer was lost may have been paid or not."""
    account = facemeld("account", "show", "crash", "--data", str(site.data), "--json")
    spent = BALANCE - int(account["Balance"])
    answered, lost = ledger.counts["fusions answered"], ledger.counts["fusions unanswered"]
    ledger.counts["calls paid"] = spent
    if not answered <= spent <= answered + lost:
        ledger.violated(f"{answered} fusions were answered and {lost} were not, but {spent} were paid")


def campaign(site: Site, kills: int, seed: int, examine_every: int) -> Ledger:
    """The whole campaign; see the module."""
    ledger, dice = Ledger(), random.Random(seed)
    # Drawn first: the checks draw as often as there is something to check, so later draws differ from run to run.
    of_workers = [dice.random() < 0.4 for _ in range(kills)]
    site.start()
    with ThreadPoolExecutor(FUSERS + 1) as pool:
        load = [pool.submit(keep_busy, site, lambda: fuse(site, ledger)) for _ in range(FUSERS)]
        load.append(pool.submit(keep_busy, site, lambda: administer(site, ledger, random.Random(time.monotonic_ns()))))
        try:
            for number in range(1, kills + 1):
                seen, known = set(ledger.results), set(ledger.materials)
                time.sleep(dice.uniform(0.1, 1.6))
                if of_workers[number - 1] and (victims := site.workers()):
                    os.kill(dice.choice(victims), signal.SIGKILL)
                    ledger.count("kills of a worker")
                    time.sleep(dice.uniform(0.05, 0.3))
                else:
                    site.kill()
                    ledger.count("kills of the server")
                    if number % examine_every == 0:
                        doctor(site, ledger, repair=False)
                    site.start()
                _check(site, ledger, dice, seen, known)
                if number % 10 == 0:
                    print(f"{number} kills, {len(ledger.results)} results, {len(ledger.materials)} materials", flush=True)
        finally:
            site.over.set()
            for task in load:
                task.result()
    return ledger


def _check(site: Site, ledger: Ledger, dice: random.Random, seen: set[str], known: set[str]) -> None:
    """Return the promises made since the last kill, and a sample of the earlier ones."""
    with ledger.lock:
        results, materials = list(ledger.results), list(ledger.materials)
    fresh = [one for one in results if one not in seen]
    check_results(site, ledger, fresh + dice.sample(sorted(seen), min(SAMPLE, len(seen))))
    check_materials(site, ledger, [one for one in materials if one not in known] + dice.sample(sorted(known), min(SAMPLE // 4, len(known))))


def finish(site: Site, ledger: Ledger) -> None:
    """Everything once more, then the repair, then everything again."""
    check_results(site, ledger, list(ledger.results))
    check_materials(site, ledger, list(ledger.materials))
    site.kill()
    doctor(site, ledger, repair=False)
    doctor(site, ledger, repair=True)
    doctor(site, ledger, repair=True)
    site.start()
    check_results(site, ledger, list(ledger.results))
    check_materials(site, ledger, list(ledger.materials))
    site.stop()
    check_balance(site, ledger)
    if left := [str(path) for path in site.data.rglob(".tmp-*")]:
        ledger.violated(f"left after the repair: {left[:5]}")


def run(kills: int, seed: int, examine_every: int = 10) -> dict[str, Any]:
    """Run a campaign on a folder of its own and return its report."""
    started = time.monotonic()
    with new_site() as site:
        try:
            ledger = campaign(site, kills, seed, examine_every)
            finish(site, ledger)
        finally:
            if site.process is not None and site.process.poll() is None:
                site.process.kill()
                site.process.wait()
    return {
        "kills": kills,
        "seed": seed,
        "seconds": round(time.monotonic() - started),
        "results_promised": len(ledger.results),
        "materials_promised": len(ledger.materials),
        "counts": dict(sorted(ledger.counts.items())),
        "violations": ledger.violations,
    }


def main() -> None:
    """Read the options, run the campaign, print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examine-every", type=int, default=10, help="Run the doctor after every n-th kill of the server.")
    options = parser.parse_args()
    report = run(options.kills, options.seed, options.examine_every)
    print(json.dumps(report, indent=1))
    sys.exit(1 if report["violations"] else 0)


if __name__ == "__main__":
    main()
