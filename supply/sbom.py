"""What is shipped, and under which licences: an SBOM (CycloneDX 1.6) and the notices that licences ask for.

    python3 supply/sbom.py functions  > functions.cdx.json     # what runs in AWS
    python3 supply/sbom.py cli        > cli.cdx.json           # the terminal client
    python3 supply/sbom.py web        > web.cdx.json           # the web client, with what it brings along from npm
    python3 supply/sbom.py functions --notices > NOTICES.txt   # licence texts, each once, with whose they are

Needs Python alone, beside cargo and, for the web client, an `npm ci` in clients/. What `cargo metadata` and the lock
files say is what is built: the lock files are pinned. Test and build tools are left out, for they are not shipped; what
a build script or a macro links at build time is in, since it makes what is shipped.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = "aarch64-unknown-linux-gnu"
# What is shipped, and the packages that it is built from.
SHIPPED = {
    "functions": ["tidings-bootstrap", "tidings-fn-previews"],
    "cli": ["tidings-cli"],
}
LICENCE_FILE = re.compile(r"^(licen[cs]e|copying|notice|unlicense)([-._].*)?$", re.IGNORECASE)
# A name space of our own, so that the serial number of the same content is the same.
NAMESPACE = uuid.UUID("5f0c6f0e-6a3f-5d0b-9a39-3f6a0d0c7d11")


def cargo_metadata() -> dict[str, Any]:
    """What cargo resolves for the machine that functions run on."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", TARGET]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def reached(metadata: dict[str, Any], names: list[str]) -> dict[str, list[str]]:
    """The packages that are built into these, by id, each with those that it needs."""
    ids = {package["name"]: package["id"] for package in metadata["packages"] if package["source"] is None}
    missing = [name for name in names if name not in ids]
    if missing:
        sys.exit(f"there is no package {', '.join(missing)} in the workspace")
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found: dict[str, list[str]] = {}
    waiting = [ids[name] for name in names]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        needs = [
            dependency["pkg"]
            for dependency in nodes[package]["deps"]
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
        ]
        found[package] = sorted(needs)
        waiting += needs
    return found


def checksums() -> dict[tuple[str, str], str]:
    """The SHA-256 of each crate, as the lock file has it."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p["checksum"] for p in lock["package"] if "checksum" in p}


def cargo_components(what: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, Path]]]:
    """The crates of something that is shipped, what needs what, and where their sources are."""
    metadata = cargo_metadata()
    packages = {package["id"]: package for package in metadata["packages"]}
    graph = reached(metadata, SHIPPED[what])
    hashes = checksums()

    def purl(package: dict[str, Any]) -> str:
        return f"pkg:cargo/{package['name']}@{package['version']}"

    components, needs, sources = [], [], []
    for identity in sorted(graph, key=lambda key: (packages[key]["name"], packages[key]["version"])):
        package = packages[identity]
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": purl(package),
            "name": package["name"],
            "version": package["version"],
            "purl": purl(package),
        }
        if package["license"]:
            # What was written before SPDX has a slash for "or".
            expression = package["license"].replace("/", " OR ")
            component["licenses"] = [{"expression": expression}]
        checksum = hashes.get((package["name"], package["version"]))
        if checksum:
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        if package["repository"]:
            component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        components.append(component)
        needs.append({"ref": purl(package), "dependsOn": sorted({purl(packages[key]) for key in graph[identity]})})
        if package["source"] is not None:
            label = f"{package['name']} {package['version']} ({package['license'] or 'see below'})"
            sources.append((label, Path(package["manifest_path"]).parent))
    return components, needs, sources


def npm_components() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, Path]]]:
    """What the web client brings along from npm: what is for development alone is left out."""
    lock = json.loads((ROOT / "clients/package-lock.json").read_text())
    components, sources = [], []
    for place, package in sorted(lock["packages"].items()):
        if "node_modules/" not in place or package.get("dev") or package.get("link"):
            continue
        name = place.rpartition("node_modules/")[2]
        purl = f"pkg:npm/{name.replace('@', '%40', 1)}@{package['version']}"
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": package["version"],
            "purl": purl,
        }
        if package.get("license"):
            component["licenses"] = [{"expression": package["license"]}]
        components.append(component)
        sources.append(
            (f"{name} {package['version']} ({package.get('license', 'see below')})", ROOT / "clients" / place)
        )
    return components, [{"ref": c["bom-ref"], "dependsOn": []} for c in components], sources


def bom(what: str, components: list[dict[str, Any]], needs: list[dict[str, Any]]) -> dict[str, Any]:
    """The document. It has no time of its own, so the same sources give the same bytes."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    content = json.dumps([components, needs], sort_keys=True)
    product = f"pkg:generic/tidings-{what}@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": product,
                "name": f"tidings-{what}",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": components,
        "dependencies": needs,
    }


def notices(sources: list[tuple[str, Path]]) -> str:
    """The texts of all licences, each once, with those who share it."""
    by_text: dict[str, list[str]] = {}
    without = []
    for label, folder in sources:
        files = sorted(path for path in folder.iterdir() if path.is_file() and LICENCE_FILE.match(path.name))
        texts = [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]
        if not texts:
            without.append(label)
        for text in texts:
            by_text.setdefault(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE), []).append(label)
    parts = ["What Tidings is built from, and under which licences.\n"]
    for text, labels in sorted(by_text.items(), key=lambda item: (-len(item[1]), item[1])):
        names = "\n".join(f"  {label}" for label in sorted(set(labels)))
        parts.append(f"{'=' * 80}\n{names}\n{'-' * 80}\n{text}\n")
    if without:
        names = "\n".join(f"  {label}" for label in without)
        parts.append(f"{'=' * 80}\nWithout a text of their own:\n{names}\n")
    return "\n".join(parts)


def main() -> int:
    """Prints the SBOM, or the notices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*SHIPPED, "web"])
    parser.add_argument("--notices", action="store_true", help="the texts of licences instead")
    arguments = parser.parse_args()
    components, needs, sources = npm_components() if arguments.what == "web" else cargo_components(arguments.what)
    if not components:
        sys.exit(f"nothing was found in {arguments.what}")
    without = [c["name"] for c in components if "licenses" not in c]
    if without:
        sys.exit(f"no licence is named by {', '.join(without)}")
    if arguments.notices:
        sys.stdout.write(notices(sources))
    else:
        json.dump(bom(arguments.what, components, needs), sys.stdout, indent=1)
        sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
