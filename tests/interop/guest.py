"""tests/interop/guest.py - another kernel of Debian's in a machine of its own (QEMU, without KVM too), with
a disk of ext4: a kernel that knows less than this one, and a machine that can be reset."""

import glob
import lzma
import os
import shutil
import subprocess

from tap import Skip

MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci",
           "virtio_blk", "crc32c_generic", "libcrc32c", "loop", "erofs", "overlay")

# The console is shared with the kernel, so what the script says lies between marks. Ends by a reset
# (sysrq b), which writes nothing back.
INIT = r"""#!/busybox sh
/busybox mkdir -p /proc /sys /dev /disk /point
export PATH=/bin HOLDFAST_ROOT=/disk/store
/busybox mkdir /bin && /busybox --install -s /bin
mv /holdfast /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod /modules/$module.ko || echo "no $module"; done
mount -t ext4 /dev/vda /disk || echo "no disk"
dmesg -n 1
echo "== begins"
sh -e /script 2>&1
echo "== ends $?"
echo b >/proc/sysrq-trigger
"""


class Guest:
    def __init__(self, sandbox, command, kernel):
        """`kernel`: the package that depends on the newest of its series."""
        self.sandbox, self.command = sandbox, command
        if subprocess.run(["ldd", command], capture_output=True, check=False).returncode == 0:
            raise Skip("the command is not linked statically")
        self.qemu = sandbox.program("qemu-system-x86_64")
        folder = self.fetch(kernel)
        self.kernel = glob.glob(folder + "/boot/vmlinuz-*")[0]
        self.modules = {os.path.basename(path).split(".")[0]: path for path in
                        glob.glob(folder + "/lib/modules/*/kernel/**/*.ko*", recursive=True)}
        self.disk = sandbox.path("disk")

    def fetch(self, kernel):
        folder = self.sandbox.path("kernel")
        os.mkdir(folder)
        try:
            said = self.sandbox.run(["apt-cache", "depends", kernel])
            package = next(line.split()[1] for line in said.splitlines() if "Depends:" in line)
            self.sandbox.run(["apt-get", "download", package], cwd=folder)
            self.sandbox.run(["dpkg", "-x", *glob.glob(folder + "/*.deb"), folder])
        except (subprocess.CalledProcessError, StopIteration) as why:
            raise Skip("no %s can be had here: %s" % (kernel, why)) from why
        return folder

    def make_disk(self, files):
        """With {name: path} of the files on it."""
        folder = self.sandbox.path("on-disk")
        os.mkdir(folder)
        for name, path in files.items():
            shutil.copy(path, os.path.join(folder, name))
        self.sandbox.run(["mkfs.ext4", "-q", "-d", folder, self.disk, "256M"])

    def make_initramfs(self, script):
        top = self.sandbox.path("initramfs")
        os.makedirs(top + "/modules")
        shutil.copy("/bin/busybox", top)
        shutil.copy(self.command, top + "/holdfast")
        order = [name for name in MODULES if name in self.modules]
        for name in order:
            path = self.modules[name]
            with (lzma.open if path.endswith(".xz") else open)(path, "rb") as packed, \
                    open("%s/modules/%s.ko" % (top, name), "wb") as plain:
                shutil.copyfileobj(packed, plain)
        for name, text in (("init", INIT), ("script", script), ("modules/order", "\n".join(order))):
            with open(os.path.join(top, name), "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(top + "/init", 0o755)
        with open(top + ".cpio", "wb") as out:
            names = subprocess.run(["find", "."], cwd=top, check=True, stdout=subprocess.PIPE).stdout
            subprocess.run(["/bin/busybox", "cpio", "-o", "-H", "newc"], cwd=top, input=names, check=True,
                           stdout=out, stderr=subprocess.DEVNULL)
        return top + ".cpio"

    def run(self, script):
        """Boots, runs the script with the disk at /disk, resets. What it said; all must succeed."""
        said = self.sandbox.run([
            self.qemu, "-m", "512", "-nographic", "-no-reboot", "-nic", "none",
            "-kernel", self.kernel, "-initrd", self.make_initramfs(script),
            "-append", "console=ttyS0 quiet panic=-1",
            "-drive", "file=%s,if=virtio,format=raw" % self.disk], timeout=600, errors="replace")
        said = said.replace("\r", "")
        assert "== begins\n" in said and "== ends " in said, said[-3000:]
        body, code = said.split("== begins\n", 1)[1].split("== ends ", 1)
        assert code.split()[0] == "0", said[-6000:]
        return body
