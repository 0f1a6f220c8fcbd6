# SPDX-License-Identifier: GPL-2.0
"""Debian packages: installed where the host runs a program, unpacked where only files are meant."""

import shutil
import subprocess
from pathlib import Path

# What the host runs, and what the guest's image takes its programs from.
INSTALLED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "gcc": "gcc",
    "gcc-12": "gcc-12",
    "make": "make",
    "xz": "xz-utils",
    "depmod": "kmod",
    "mke2fs": "e2fsprogs",
    "ip": "iproute2",
    "iptables-legacy": "iptables",
    "nft": "nftables",
    "dpkg-source": "dpkg-dev",
    "bc": "bc",
    "flex": "flex",
    "bison": "bison",
}
FILES = {
    "/usr/lib/x86_64-linux-gnu/libc.a": "libc6-dev",
    "/usr/include/libelf.h": "libelf-dev",
    "/usr/include/openssl/opensslv.h": "libssl-dev",
}
SBIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
APT = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends"]


class PackageError(Exception):
    """A Debian package could not be had; the text says which and what apt said."""


def program(name: str) -> str:
    """Path of a program of the host."""
    path = shutil.which(name, path=SBIN)
    if path is None:
        raise PackageError(f"{name}: not installed (Debian package {INSTALLED.get(name, '?')})")
    return path


def apt(*arguments: str, cwd: Path | None = None) -> None:
    """Run apt-get; refresh its lists and try again once, because a list may be old or absent."""
    for last in (False, True):
        done = subprocess.run(
            [*APT, *arguments], cwd=cwd, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        if last:
            raise PackageError(f"apt-get {' '.join(arguments)}: {done.stderr.strip()}")
        subprocess.run([*APT, "update"], capture_output=True, check=False)


def install_missing() -> None:
    """Install by Debian name what the host lacks; nothing where all is there."""
    missing = {package for name, package in INSTALLED.items() if not shutil.which(name, path=SBIN)}
    missing |= {package for file, package in FILES.items() if not Path(file).exists()}
    if missing:
        print(f"installing {' '.join(sorted(missing))}", flush=True)
        apt("install", *sorted(missing))


def dependency(package: str, prefix: str) -> str:
    """Give the package `prefix`* that the metapackage `package` depends on."""
    for last in (False, True):
        done = subprocess.run(
            ["apt-cache", "depends", "--important", package],
            capture_output=True,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            name = line.rpartition("Depends: ")[2].strip()
            if "Depends: " in line and name.startswith(prefix):
                return name
        if not last:
            subprocess.run([*APT, "update"], capture_output=True, check=False)
    raise PackageError(f"{package}: no dependency {prefix}*: {done.stderr.strip()}")


def unpack(packages: list[str], into: Path) -> None:
    """Download binary packages and unpack them under `into`, running none of their scripts."""
    debs = into / ".debs"
    debs.mkdir()
    apt("download", *packages, cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(deb), str(into)], check=True)
        deb.unlink()
    debs.rmdir()


def source(package: str, into: Path) -> Path:
    """Unpack a source package, unpatched and patched as Debian builds it; the folder it is in.

    The machine's own source lists may have no deb-src: the list is private to this call, made from
    the suites that the machine already trusts.
    """
    state = into / ".apt"
    (state / "lists" / "partial").mkdir(parents=True)
    (state / "cache").mkdir()
    listed = state / "sources.sources"
    text = ""
    for file in sorted(Path("/etc/apt/sources.list.d").glob("debian*.sources")):
        text += file.read_text(encoding="utf-8").replace("Types: deb\n", "Types: deb-src\n") + "\n"
    legacy = Path("/etc/apt/sources.list")
    if not text and legacy.exists():
        lines = legacy.read_text(encoding="utf-8").splitlines()
        text = "\n".join(s.replace("deb ", "deb-src ", 1) for s in lines if s.startswith("deb "))
        listed = state / "sources.list"
    listed.write_text(text, encoding="utf-8")
    private = [
        "-o",
        f"Dir::Etc::sourcelist={listed}",
        "-o",
        "Dir::Etc::sourceparts=-",
        "-o",
        f"Dir::State::lists={state / 'lists'}",
        "-o",
        f"Dir::Cache={state / 'cache'}",
        "-o",
        "APT::Sandbox::User=root",
    ]
    apt("update", *private)
    apt("source", *private, package, cwd=into)
    shutil.rmtree(state)
    return next(path for path in into.iterdir() if path.is_dir() and path.name.startswith(package))
