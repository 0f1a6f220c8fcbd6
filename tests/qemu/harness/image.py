# SPDX-License-Identifier: GPL-2.0
"""The guest's root: an initramfs of busybox, iptables, nft, our programs, a kernel's modules."""

import lzma
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from harness import packages
from harness.cache import QEMU, digest, room
from harness.guest import programs
from harness.kernel import Kernel

# dash, not busybox's shell: that one prefers its own applets to the programs of the same name.
# Both iptables are one program each, under the names their first argument chooses.
_TOOLS = {
    "dash": ["sh"],
    "ip": ["ip"],
    "nft": ["nft"],
    "xtables-legacy-multi": ["iptables-legacy", "iptables-legacy-restore", "ip6tables-legacy"],
    "xtables-nft-multi": ["iptables-nft", "ip6tables-nft"],
}
_PLUGINS = Path("/usr/lib/x86_64-linux-gnu/xtables")
_WANTED_PLUGINS = (
    "libxt_standard",
    "libxt_tcp",
    "libxt_udp",
    "libxt_NFQUEUE",
    "libxt_mark",
    "libxt_MARK",
    "libxt_conntrack",
    "libxt_DNAT",
    "libipt_icmp",
    "libip6t_icmp6",
)


def _libraries(files: list[Path]) -> set[Path]:
    """Shared libraries of ELF files, the loader included."""
    done = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return {Path(word) for word in words if word.startswith("/") and not word.endswith(":")}


def _userland(root: Path) -> None:
    for folder in ("bin", "sbin", "lib", "lib64", "proc", "sys", "dev", "run", "etc", "tmp"):
        (root / folder).mkdir()
    busybox = root / "bin/busybox"
    shutil.copy2(packages.program("busybox"), busybox)
    applets = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True)
    for applet in applets.stdout.split():
        if applet not in {"busybox", "sh", *_TOOLS}:
            (root / "bin" / applet).symlink_to("busybox")
    copied: list[Path] = []
    for tool, names in _TOOLS.items():
        real = Path(packages.program(tool)).resolve()
        shutil.copy2(real, root / "sbin" / tool)
        copied.append(real)
        for name in names:
            if name != tool:
                (root / "sbin" / name).symlink_to(tool)
    (root / "bin/sh").symlink_to("/sbin/sh")
    plugins = root / _PLUGINS.relative_to("/")
    plugins.mkdir(parents=True)
    for plugin in _PLUGINS.iterdir():
        if plugin.stem in _WANTED_PLUGINS:
            shutil.copy2(plugin, plugins)
            copied.append(plugin.resolve())
    for library in _libraries(copied):
        target = root / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library.resolve(), target)


def cpio(root: Path, archive: Path) -> None:
    """Pack a folder as the kernel reads it; uncompressed, because the emulator unpacks slowly."""
    names = subprocess.run(
        ["find", ".", "-mindepth", "1", "-print0"], cwd=root, capture_output=True, check=True
    )
    with archive.open("wb") as out:
        subprocess.run(
            [packages.program("cpio"), "--null", "-o", "-H", "newc", "-R", "0:0", "--quiet"],
            cwd=root,
            input=names.stdout,
            stdout=out,
            check=True,
        )


def _wanted_modules() -> list[str]:
    lines = (QEMU / "guest/modules").read_text(encoding="ascii").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def kernel_modules(kernel: Kernel, modules: Iterable[str], root: Path) -> None:
    """Copy modules and what they depend on; write the order to load them in to `root`/modules."""
    folder = root / "modules.d"
    folder.mkdir()
    order: list[str] = []
    for wanted in modules:
        later, name = wanted.startswith("-"), wanted.lstrip("-")
        done = subprocess.run(
            [
                packages.program("modprobe"),
                "--show-depends",
                "-d",
                str(kernel.root),
                "-S",
                kernel.release,
                name,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise packages.PackageError(
                f"{kernel.release} has no module {name}: {done.stderr.strip()}"
            )
        for line in done.stdout.splitlines():
            if not line.startswith("insmod "):
                continue
            path = Path(line.split()[1])
            target = folder / path.name.removesuffix(".xz")
            if target.exists():
                continue
            target.write_bytes(
                lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
            )
            order.append(("-" if later else "") + f"/modules.d/{target.name}")
    (root / "modules").write_text("".join(f"{line}\n" for line in order), encoding="ascii")


def _base(kernel: Kernel) -> Path:
    """Give the part of the image that only a new package changes."""

    def build(folder: Path) -> None:
        root = folder / "root"
        root.mkdir()
        _userland(root)
        kernel_modules(kernel, _wanted_modules(), root)
        cpio(root, folder / "base.cpio")
        shutil.rmtree(root)

    versions = subprocess.run(
        ["dpkg-query", "-W", "busybox-static", "iptables", "nftables", "iproute2", "libc6"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return (
        room(
            f"image-{kernel.name}",
            digest([kernel.release, versions, QEMU / "guest/modules", Path(__file__)]),
            build,
        )
        / "base.cpio"
    )


def _install(text: Path, target: Path, mode: int) -> None:
    shutil.copyfile(text, target)
    target.chmod(mode)


def initramfs(kernel: Kernel, ko: Path | None, files: dict[str, str], out: Path) -> None:
    """Write the image for one run to `out`: the cached base, then what this run adds to it.

    `files` are small texts for the guest's top folder: what to run, and how much of it.
    The kernel reads several archives one after the other from one file.
    """
    top = out.with_suffix(".root")
    shutil.rmtree(top, ignore_errors=True)
    for folder in ("bin", "lib", "scenario"):
        (top / folder).mkdir(parents=True)
    _install(QEMU / "guest/init", top / "init", 0o755)
    for text in sorted((QEMU / "guest").glob("*.*")):
        _install(text, top / "lib" / text.name, 0o644)
    for script in sorted((QEMU / "scenario").glob("*.sh")):
        _install(script, top / "scenario" / script.name, 0o755)
    for program in programs():
        _install(program, top / "bin" / program.name, 0o755)
    for name, content in files.items():
        (top / name).write_text(f"{content}\n", encoding="ascii")
    if ko is not None:
        shutil.copyfile(ko, top / "ipqueue.ko")
        (top / "ipqueue.name").write_text(ko.stem.replace("-", "_") + "\n", encoding="ascii")
    added = out.with_suffix(".add")
    cpio(top, added)
    with out.open("wb") as image:
        for part in (_base(kernel), added):
            image.write(part.read_bytes())
            image.write(b"\0" * (-image.tell() % 512))
    added.unlink()
    shutil.rmtree(top)
