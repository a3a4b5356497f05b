#!/usr/bin/env python3
"""Builds packages for pip, npm, winget, Scoop and Homebrew from release archives.

    scripts/packages.py wheel    [--binary TARGET=PATH]   writes target/dist/*.whl
    scripts/packages.py npm      [--binary TARGET=PATH]   writes target/dist/npm/*.tgz
    scripts/packages.py managers                          writes target/dist/managers/{winget,scoop,homebrew}
    scripts/packages.py sums                              writes target/dist/SHA256SUMS

Each command reads the archives of this version in target/dist. `--binary` packages a program at hand instead, which tests do. The same
archives give the same bytes: names are sorted, and times, owners and permissions are fixed.
"""

import argparse
import base64
import dataclasses
import datetime
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIST = pathlib.Path(os.environ.get("DESKSTATE_DIST", ROOT / "target/dist"))
REPOSITORY = "https://github.com/deskstate/deskstate"
SUMMARY = "Keeps the agent desktop of Dynamics 365 Customer Service in git: plan, apply, drift"
LICENCE = "MIT OR Apache-2.0"
AUTHOR = "The deskstate contributors"
LICENCE_FILES = ("LICENSE-MIT", "LICENSE-APACHE")


@dataclasses.dataclass(frozen=True)
class Platform:
    """A target of the compiler in the words of each package manager."""

    wheel: str  # platform tags of a wheel
    os: str  # `process.platform` in Node
    cpu: str  # `process.arch` in Node

    @property
    def program(self):
        return "deskstate.exe" if self.os == "win32" else "deskstate"

    @property
    def npm(self):
        return f"{self.os}-{self.cpu}"


# In order of preference: where two targets serve one system, the first that has an archive is packaged. A static Linux program runs with
# glibc and with musl, so one wheel names both and the npm package names no C library.
STATIC = "manylinux_2_17_{0}.manylinux2014_{0}.musllinux_1_1_{0}"
PLATFORMS = {
    "x86_64-unknown-linux-musl": Platform(STATIC.format("x86_64"), "linux", "x64"),
    "aarch64-unknown-linux-musl": Platform(STATIC.format("aarch64"), "linux", "arm64"),
    "x86_64-apple-darwin": Platform("macosx_10_12_x86_64", "darwin", "x64"),
    "aarch64-apple-darwin": Platform("macosx_11_0_arm64", "darwin", "arm64"),
    "x86_64-pc-windows-msvc": Platform("win_amd64", "win32", "x64"),
    "x86_64-pc-windows-gnu": Platform("win_amd64", "win32", "x64"),
    # Linked with the glibc of this machine, so for this machine only: pip takes the tag, PyPI refuses it.
    "x86_64-unknown-linux-gnu": Platform("linux_x86_64", "linux", "x64"),
    "aarch64-unknown-linux-gnu": Platform("linux_aarch64", "linux", "arm64"),
}


class Refused(Exception):
    """A message for people."""


def version():
    text = (ROOT / "Cargo.toml").read_text()
    return re.search(r'^version = "(.+)"', text, re.M).group(1)


def epoch():
    """The time of the commit, in seconds; no earlier than a zip can say."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        git = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
        given = git.stdout.strip()
    return max(int(given or 0), 315_532_800)


def archive(target):
    for ending in ("tar.gz", "zip"):
        path = DIST / f"deskstate-{version()}-{target}.{ending}"
        if path.is_file():
            return path
    return None


def from_archive(path, program):
    name = f"{path.name.removesuffix('.tar.gz').removesuffix('.zip')}/{program}"
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as opened:
                return opened.read(name)
        with tarfile.open(path) as opened:
            return opened.extractfile(name).read()
    except (KeyError, OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile) as error:
        raise Refused(f"{path}: cannot read {name}: {error}") from error


def programs(given):
    """Target and program, one for each system."""
    if given:
        target, _, path = given.partition("=")
        if target not in PLATFORMS or not path:
            raise Refused(f"--binary takes TARGET=PATH, with a target of {', '.join(PLATFORMS)}")
        return {target: pathlib.Path(path).read_bytes()}
    found = {}
    systems = set()
    for target, platform in PLATFORMS.items():
        path = archive(target)
        if path and platform.npm not in systems:
            systems.add(platform.npm)
            found[target] = from_archive(path, platform.program)
    if not found:
        raise Refused(f"{DIST} has no archive of deskstate {version()}: run `just dist` first")
    return found


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def written(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"{path}  {len(data):,} bytes")


def zipped(files):
    """A zip of (name, bytes, executable)."""
    buffer = io.BytesIO()
    when = datetime.datetime.fromtimestamp(epoch(), datetime.timezone.utc).timetuple()[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for name, data, executable in files:
            entry = zipfile.ZipInfo(name, when)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            out.writestr(entry, data)
    return buffer.getvalue()


def tarred(files):
    """A gzipped tar of (name, bytes, executable)."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as squeezed, tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name, data, executable in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o755 if executable else 0o644, epoch()
            out.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def licences():
    return [(name, (ROOT / name).read_bytes()) for name in LICENCE_FILES]


def wheel(target, program):
    platform = PLATFORMS[target]
    info = f"deskstate-{version()}.dist-info"
    metadata = (
        "Metadata-Version: 2.4\nName: deskstate\n"
        f"Version: {version()}\nSummary: {SUMMARY}\nAuthor: {AUTHOR}\nLicense-Expression: {LICENCE}\n"
        + "".join(f"License-File: {name}\n" for name in LICENCE_FILES)
        + "Requires-Python: >=3.8\nDescription-Content-Type: text/markdown\n"
        f"Project-URL: Repository, {REPOSITORY}\nProject-URL: Changelog, {REPOSITORY}/blob/main/CHANGELOG.md\n\n"
        + (ROOT / "README.md").read_text()
    )
    tags = [f"Tag: py3-none-{tag}\n" for tag in platform.wheel.split(".")]
    files = [
        (f"deskstate-{version()}.data/scripts/{platform.program}", program, True),
        (f"{info}/METADATA", metadata.encode(), False),
        (f"{info}/WHEEL", ("Wheel-Version: 1.0\nGenerator: deskstate\nRoot-Is-Purelib: false\n" + "".join(tags)).encode(), False),
    ]
    files += [(f"{info}/licenses/{name}", text, False) for name, text in licences()]
    record = ""
    for name, data, _ in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(data)}\n"
    files.append((f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode(), False))
    written(DIST / f"deskstate-{version()}-py3-none-{platform.wheel}.whl", zipped(files))


def package_json(name, **more):
    fields = {
        "name": name,
        "version": version(),
        "description": SUMMARY,
        "license": LICENCE,
        "repository": {"type": "git", "url": f"git+{REPOSITORY}.git"},
        **more,
    }
    return json.dumps(fields, indent=2).encode() + b"\n"


def npm_packages(found):
    out = DIST / "npm"
    texts = [(f"package/{name}", text, False) for name, text in licences()]
    for target, program in found.items():
        platform = PLATFORMS[target]
        own = package_json(f"@deskstate/{platform.npm}", os=[platform.os], cpu=[platform.cpu], preferUnplugged=True)
        files = [("package/package.json", own, False), (f"package/{platform.program}", program, True), *texts]
        written(out / f"deskstate-{platform.npm}-{version()}.tgz", tarred(files))
    # The launcher names every system that a release has, also where this machine packages only one of them.
    systems = sorted({platform.npm for platform in PLATFORMS.values()} - {"win32-arm64"})
    launcher = (ROOT / "scripts/npm-launcher.js").read_bytes()
    own = package_json(
        "deskstate",
        bin={"deskstate": "deskstate.js"},
        engines={"node": ">=18"},
        optionalDependencies={f"@deskstate/{system}": version() for system in systems},
    )
    readme = (ROOT / "README.md").read_bytes()
    files = [("package/package.json", own, False), ("package/deskstate.js", launcher, True), ("package/README.md", readme, False), *texts]
    written(out / f"deskstate-{version()}.tgz", tarred(files))


def download(path):
    return f"{REPOSITORY}/releases/download/v{version()}/{path.name}"


def need(*targets):
    for target in targets:
        if path := archive(target):
            return path
    raise Refused(f"{DIST} has no archive of deskstate {version()} for {' or '.join(targets)}: run `just dist` first")


def winget(path):
    """The three files that microsoft/winget-pkgs takes for a version."""
    name, schema = "Deskstate.Deskstate", "1.10.0"
    folder = path.name.removesuffix(".zip")
    head = "# yaml-language-server: $schema=https://aka.ms/winget-manifest.{0}.{1}.schema.json\n\nPackageIdentifier: {2}\nPackageVersion: {3}\n"
    day = datetime.datetime.fromtimestamp(epoch(), datetime.timezone.utc).date()
    bodies = {
        "version": "DefaultLocale: en-US\n",
        "installer": (
            "InstallerType: zip\nNestedInstallerType: portable\nNestedInstallerFiles:\n"
            f"- RelativeFilePath: {folder}\\deskstate.exe\n  PortableCommandAlias: deskstate\n"
            f"ReleaseDate: {day}\nInstallers:\n- Architecture: x64\n  InstallerUrl: {download(path)}\n"
            f"  InstallerSha256: {sha256(path.read_bytes()).upper()}\n"
        ),
        "defaultLocale": (
            f"PackageLocale: en-US\nPublisher: {AUTHOR}\nPublisherUrl: {REPOSITORY}\nPackageName: deskstate\nPackageUrl: {REPOSITORY}\n"
            f"License: {LICENCE}\nShortDescription: {SUMMARY.replace(':', ',')}\nMoniker: deskstate\n"
        ),
    }
    endings = {"version": "", "installer": ".installer", "defaultLocale": ".locale.en-US"}
    for kind, body in bodies.items():
        text = head.format(kind, schema, name, version()) + body + f"ManifestType: {kind}\nManifestVersion: {schema}\n"
        written(DIST / f"managers/winget/{name}{endings[kind]}.yaml", text.encode())


def scoop(path):
    folder = path.name.removesuffix(".zip")
    pattern = download(path).replace(version(), "$version")
    manifest = {
        "version": version(),
        "description": SUMMARY,
        "homepage": REPOSITORY,
        "license": {"identifier": LICENCE.replace(" OR ", "|")},
        "architecture": {"64bit": {"url": download(path), "hash": sha256(path.read_bytes()), "extract_dir": folder}},
        "bin": "deskstate.exe",
        "checkver": {"github": REPOSITORY},
        "autoupdate": {
            "architecture": {"64bit": {"url": pattern, "extract_dir": folder.replace(version(), "$version")}},
            "hash": {"url": "$baseurl/SHA256SUMS"},
        },
    }
    written(DIST / "managers/scoop/deskstate.json", json.dumps(manifest, indent=4).encode() + b"\n")


def homebrew():
    blocks = []
    for system, targets in (("macos", ("aarch64-apple-darwin", "x86_64-apple-darwin")), ("linux", ("aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl"))):
        inner = []
        for target in targets:
            if path := archive(target):
                cpu = "arm" if target.startswith("aarch64") else "intel"
                inner.append(f'    on_{cpu} do\n      url "{download(path)}"\n      sha256 "{sha256(path.read_bytes())}"\n    end\n')
        if inner:
            blocks.append(f"  on_{system} do\n{''.join(inner)}  end\n")
    if not blocks:
        raise Refused(f"{DIST} has no archive for macOS or Linux: run `just dist` first")
    formula = (
        f'class Deskstate < Formula\n  desc "{SUMMARY}"\n  homepage "{REPOSITORY}"\n  version "{version()}"\n'
        f"  license any_of: [\"MIT\", \"Apache-2.0\"]\n\n{''.join(blocks)}\n"
        '  def install\n    bin.install "deskstate"\n    man1.install Dir["man/*.1"]\n'
        '    bash_completion.install "completions/deskstate.bash" => "deskstate"\n    zsh_completion.install "completions/deskstate.zsh" => "_deskstate"\n'
        '    fish_completion.install "completions/deskstate.fish"\n  end\n\n'
        '  test do\n    system bin/"deskstate", "demo"\n  end\nend\n'
    )
    written(DIST / "managers/homebrew/deskstate.rb", formula.encode())


def sums():
    """The checksums of every file of this version, in the form that `sha256sum --check` reads."""
    ours = re.compile(rf"deskstate[-_](.+-)?{re.escape(version())}[-_.].*")
    files = sorted(path for path in DIST.iterdir() if path.is_file() and ours.fullmatch(path.name))
    written(DIST / "SHA256SUMS", "".join(f"{sha256(path.read_bytes())}  {path.name}\n" for path in files).encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["wheel", "npm", "managers", "sums"])
    parser.add_argument("--binary", metavar="TARGET=PATH", help="package this program instead of the archives")
    arguments = parser.parse_args()
    if arguments.what == "wheel":
        for target, program in programs(arguments.binary).items():
            wheel(target, program)
    elif arguments.what == "npm":
        npm_packages(programs(arguments.binary))
    elif arguments.what == "sums":
        sums()
    else:
        windows = need("x86_64-pc-windows-msvc", "x86_64-pc-windows-gnu")
        winget(windows)
        scoop(windows)
        homebrew()


try:
    main()
except Refused as refused:
    sys.exit(f"error: {refused}")
