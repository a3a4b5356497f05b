#!/usr/bin/env python3
"""Plans of deskstate and of its peers, whole processes, one after the other on this machine.

    benches/peers/run.py [--shapes hard,easy] [--sizes 1000,10000] [--runs 2] [--only deskstate,octodns,deck,terraform,auth0,sdks,replay]

Peers are installed beside this file once, from pinned versions: octoDNS and Microsoft's SDK from PyPI, auth0-deploy-cli and dynamics-web-api
from npm, decK from the PATH or else from Debian. Terraform is run where it is on the PATH. What they talk to is ours and on loopback. Prints
a Markdown table with ratios to the first row of its size and shape, a plan of deskstate without a change; what could not be run is said. Shapes
are those of `benches/e2e.py`; peers that do not talk to a Dataverse have none, and are run once. The libraries and the replay read all rows
and compare: the floor of what a plan could cost that reads everything.
"""

import argparse
import itertools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from harness import BINARY, ROOT, SHAPES, Server, answers_of, foreign, measure, write_project  # noqa: E402
import mocks  # noqa: E402

VENV, NPM, DEBS = HERE / ".venv", HERE / "node_modules", HERE / ".debian"
CONFORMANCE = ROOT / "conformance"


class Missing(Exception):
    """A peer that cannot be had here."""


def install(command, cwd=HERE):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"`{' '.join(map(str, command[:3]))}` failed: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}")


def python(program="python"):
    if not (VENV / "complete").is_file():
        install([sys.executable, "-m", "venv", VENV])
        pins = [word for folder in (HERE, CONFORMANCE) for word in ("--requirement", folder / "requirements.txt")]
        install([VENV / "bin" / "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", *pins])
        (VENV / "complete").touch()
    return VENV / "bin" / program


def node(program):
    if not (NPM / ".bin" / "a0deploy").exists():
        install(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
    return NPM / ".bin" / program if program else shutil.which("node")


def deck():
    found = shutil.which("deck") or DEBS / "usr" / "bin" / "deck"
    if not pathlib.Path(found).is_file():
        if not shutil.which("apt-get"):
            raise Missing("decK is not on the PATH, and this is no Debian")
        DEBS.mkdir(exist_ok=True)
        install(["apt-get", "download", "deck"], DEBS)
        install(["dpkg", "-x", next(DEBS.glob("deck_*.deb")), DEBS])
    return found


class Mock:
    """A server of `mocks.py` in a process of its own."""

    def __init__(self, *arguments):
        command = [sys.executable, HERE / "mocks.py", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Bench:
    def __init__(self, folder, shape, size, runs):
        self.folder, self.shape, self.size, self.runs, self.rows = folder, shape, size, runs, []

    def server(self, *arguments):
        return Server(self.folder, arguments=[*foreign(self.shape, self.size), *arguments], answers=answers_of(self.shape))

    def project(self, server, changed=0):
        return write_project(self.folder, self.size, server.url, changed, self.shape)

    def row(self, tool, case, command, expected=(0,), environment=None, runs=None, expect=None):
        figures = [measure(command, self.folder, expected, MEMORY | (environment or {})) for _ in range(runs or self.runs)]
        if expect and expect not in figures[-1]["output"]:
            raise SystemExit(f"{tool} did not say `{expect}`:\n{figures[-1]['output'][-2000:]}")
        wall, cpu, rss = (statistics.median(figure[key] for figure in figures) for key in ("wall", "cpu", "rss"))
        self.rows.append((tool, case, wall, cpu, rss))
        print(f"  {self.size:,} {tool}, {case}: {wall:.2f} s, {rss:.0f} MiB", file=sys.stderr, flush=True)
        return figures[-1]["output"]


def deskstate(bench):
    server = bench.server()
    try:
        bench.project(server)
        measure([BINARY, "apply", "--env", "server", "--yes"], bench.folder, environment=MEMORY)
        plan = [BINARY, "plan", "--env", "server"]
        bench.row("deskstate", "plan, no change", plan, expect="matches the manifests", runs=max(3, bench.runs))
        bench.project(server, changed=bench.size // 10)
        bench.row("deskstate", "plan, 10 % changed", plan, expect=f"{bench.size // 10} to update", runs=max(3, bench.runs))
        bench.row("deskstate", "validate", [BINARY, "validate"])
    finally:
        server.stop()


def octodns(bench):
    sync = python("octodns-sync")
    records = lambda changed: "".join(f"r{i:06}:\n  type: TXT\n  value: text {i}{'x' if i < changed else ''}\n" for i in range(bench.size))
    for name, changed in (("source", 0), ("target", 0), ("other", bench.size // 10)):
        zone = bench.folder / name
        zone.mkdir()
        (zone / "contoso.example.yaml").write_text("---\n" + records(changed))
    for case, target, wanted in (("no change", "target", "No changes were planned"), ("10 % changed", "other", None)):
        config = bench.folder / f"{target}.octodns.yaml"
        provider = "{class: octodns.provider.yaml.YamlProvider, directory: ./%s, default_ttl: 3600, enforce_order: false%s}"
        config.write_text(
            "manager: {max_workers: 2}\nproviders:\n"
            f"  wanted: {provider % ('source', '')}\n"
            f"  live: {provider % (target, ', supports_root_ns: false, update_pcent_threshold: 1.0')}\n"
            "zones:\n  contoso.example.: {sources: [wanted], targets: [live]}\n"
        )
        bench.row("octoDNS", f"sync without --doit, {case}", [sync, "--quiet", "--config-file", config])


def kong(bench):
    program = deck()
    services = [mocks.service(i) | {"routes": [mocks.route(i)]} for i in range(bench.size)]
    state = bench.folder / "kong.yaml"
    state.write_text(json.dumps({"_format_version": "1.1", "services": services}))
    for case, changed, code in (("no change", 0, 0), ("10 % changed", bench.size // 10, 2)):
        with Mock("kong", bench.size, changed) as mock:
            command = [program, "diff", "--kong-addr", mock.url, "-s", state, "--non-zero-exit-code"]
            bench.row("decK", f"diff of services with a route each, {case}", command, (code,), {"HOME": str(bench.folder), "DECK_ANALYTICS": "off"})


def terraform(bench):
    program = shutil.which("terraform")
    if not program:
        raise Missing("terraform is not on the PATH")
    folder = bench.folder / "terraform"
    folder.mkdir()
    block = 'resource "terraform_data" "r%d" {\n  input = { name = "n%d", title = "%s", order = %d, url = "https://c.example/%d", active = true }\n}\n'

    def write(changed):
        texts = (block % (i, i, f"Title {i}" + ("x" if i < changed else ""), i, i) for i in range(bench.size))
        (folder / "main.tf").write_text("".join(texts))

    write(0)
    kinds = ["object", {"active": "bool", "name": "string", "order": "number", "title": "string", "url": "string"}]
    rows = []
    for i in range(bench.size):
        value = {"name": f"n{i}", "title": f"Title {i}", "order": i, "url": f"https://c.example/{i}", "active": True}
        instance = {"input": {"value": value, "type": kinds}, "output": {"value": value, "type": kinds}, "triggers_replace": None, "id": mocks.number("t", i)}
        rows.append({
            "mode": "managed", "type": "terraform_data", "name": f"r{i}", "provider": 'provider["terraform.io/builtin/terraform"]',
            "instances": [{"schema_version": 0, "attributes": instance, "sensitive_attributes": []}],
        })
    # Applying is quadratic in Terraform, so what it would have left behind is written here.
    state = {"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": mocks.number("t", "lineage"), "outputs": {}, "resources": rows}
    (folder / "terraform.tfstate").write_text(json.dumps(state))
    quiet = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "HOME": str(folder)}
    chdir = f"-chdir={folder}"
    measure([program, chdir, "init", "-no-color", "-input=false"], bench.folder, (0,), quiet)
    plan = [program, chdir, "plan", "-no-color", "-input=false", "-detailed-exitcode", "-out", "p.tfplan"]
    bench.row("Terraform", "plan of built-in resources without a provider, no change", plan, (0,), quiet, expect="No changes")
    write(bench.size // 10)
    bench.row("Terraform", "the same, 10 % changed", plan, (2,), quiet, expect=f"{bench.size // 10} to change")


def auth0(bench):
    program = node("a0deploy")
    folder = bench.folder
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                   "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    install(certificate, folder)
    (folder / "tenant.yaml").write_text(json.dumps({"clients": [mocks.client(i) for i in range(bench.size)]}))
    for case, changed in (("no change", 0), ("10 % changed", bench.size // 10)):
        with Mock("auth0", bench.size, changed, folder / "cert.pem", folder / "key.pem") as mock:
            environment = {
                "AUTH0_DOMAIN": mock.url.removeprefix("https://"), "AUTH0_CLIENT_ID": "x", "AUTH0_ACCESS_TOKEN": "fake",
                "AUTH0_INCLUDED_ONLY": '["clients"]', "NODE_EXTRA_CA_CERTS": str(folder / "cert.pem"), "HOME": str(folder),
            }
            bench.row("auth0-deploy-cli", f"import --dry-run of clients, {case}", [program, "import", "-i", folder / "tenant.yaml", "--dry-run"], (0,), environment, 1)


def sdks(bench):
    authority = bench.folder / "ca.pem"
    server = bench.server("--tls-ca-out", str(authority), "--sign-in", "required")
    try:
        wanted = bench.project(server)
        signed_in = {
            "AZURE_TENANT_ID": "0c0f0000-0000-4000-8000-00000000000a", "AZURE_CLIENT_ID": "0c0f0000-0000-4000-8000-000000000a02",
            "AZURE_CLIENT_SECRET": "emulator-secret", "AZURE_AUTHORITY_HOST": server.url,
        }
        trust = ["--sign-in", "client-secret", "--ca-file", authority]
        measure([BINARY, "apply", "--env", "server", "--yes", *trust], bench.folder, (0,), signed_in | MEMORY)
        bench.row("deskstate", "plan over TLS and with sign-in, no change", [BINARY, "plan", "--env", "server", *trust], (0,), signed_in)
        (bench.folder / "wanted.json").write_text(json.dumps(wanted))
        local = {"EMULATOR_URL": server.url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        said = f"{bench.size} rows, 0 different"
        for tool, command, trust in (
            ("Microsoft's SDK for Python", [python(), HERE / "read.py"], "REQUESTS_CA_BUNDLE"),
            ("dynamics-web-api (Node.js)", [node(None), HERE / "read.mjs"], "NODE_EXTRA_CA_CERTS"),
        ):
            case = "reads all rows, compares two columns, no plan"
            bench.row(tool, case, [*command, bench.folder / "wanted.json"], (0,), local | {trust: str(authority)}, expect=said)
    finally:
        server.stop()


def replay(bench):
    example = ROOT / "target" / "campaign" / "examples" / "record_at_a_time"
    if not example.is_file():
        raise Missing("build it first: cargo build --profile campaign -p deskstate-dataverse --example record_at_a_time")
    server = bench.server()
    try:
        bench.project(server)
        measure([BINARY, "apply", "--env", "server", "--yes"], bench.folder, environment=MEMORY)
        said = bench.row("record by record", "the same rows, read as a record-at-a-time provider does", [example, server.url], runs=1)
        print(f"  {said.strip()}", file=sys.stderr)
    finally:
        server.stop()


# An apply of 10,000 resources may need more than the usual limit.
MEMORY = {"DESKSTATE_MEMORY": "400"}
# Those that talk to a Dataverse.
SHAPED = ("deskstate", "sdks", "replay")
PEERS = {"deskstate": deskstate, "octodns": octodns, "deck": kong, "terraform": terraform, "auth0": auth0, "sdks": sdks, "replay": replay}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--only", default=",".join(PEERS))
    arguments = parser.parse_args()
    if not BINARY.is_file():
        raise SystemExit("build it first: cargo build --release")
    absent = {}
    print("| shape | objects | tool | what | wall s | CPU s | peak MiB | wall, times | CPU, times |\n| --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |")
    shapes, sizes, only = arguments.shapes.split(","), arguments.sizes.split(","), arguments.only.split(",")
    for shape, size in itertools.product(shapes, map(int, sizes)):
        ours = None
        for name in only if shape == shapes[0] else [name for name in only if name in SHAPED]:
            with tempfile.TemporaryDirectory() as folder:
                bench = Bench(pathlib.Path(folder), shape, size, arguments.runs)
                try:
                    PEERS[name](bench)
                except Missing as reason:
                    absent[name] = reason
            for tool, case, wall, cpu, rss in bench.rows:
                ours = ours or (wall, cpu)
                ratios = f"{wall / ours[0]:.1f} | {cpu / ours[1]:.1f}"
                of_shape = shape if name in SHAPED else ""
                print(f"| {of_shape} | {size:,} | {tool} | {case} | {wall:.2f} | {cpu:.2f} | {rss:.0f} | {ratios} |", flush=True)
    for name, reason in absent.items():
        print(f"\n{name} was not run: {reason}")


if __name__ == "__main__":
    main()
