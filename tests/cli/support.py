"""What the tests of the command share: a store in a folder of its own, archives made by hand, and a
runner that ends with "N passed, N failed".

A test program is called with the path of the `holdfast` to test."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

HOLDFAST = "holdfast"

# Sanitizers must not mix their exit code with ours, and SIGKILL is no leak.
ENVIRONMENT = {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8"}
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH"):
    if name in os.environ:
        ENVIRONMENT[name] = os.environ[name]


def layer(files, mtime=1700000000):
    """The bytes of a plain layer tar with these {path: bytes}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            info.mtime = mtime
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def config(layers, created="2023-11-14T22:13:20Z", labels=None, **more):
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {"Env": ["PATH=/bin", "A=b"], "Cmd": ["sh"], "Labels": labels, **more},
        "history": [
            {"created": created, "created_by": f"/bin/sh -c #(nop) ADD layer{i}"}
            for i in range(len(layers))
        ] + [{"created": created, "created_by": "CMD [\"sh\"]", "empty_layer": True,
              "comment": "made by hand"}],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(l) for l in layers]},
    }
    return json.dumps(document).encode()


class Image:
    def __init__(self, content="hello", tags=("app:1",), size=0, **options):
        self.layers = [layer({"etc/motd": content.encode(), "data": os.urandom(size)})]
        self.config = config(self.layers, **options)
        self.tags = list(tags)
        self.hex = sha256(self.config)
        self.id = "sha256:" + self.hex
        self.short = self.hex[:12]


def docker_archive(images):
    """A docker archive as docker 20.10 writes it, layers first."""
    out = io.BytesIO()
    manifest = []
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        def add(path, data):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for image in images:
            paths = []
            for data in image.layers:
                paths.append(sha256(data) + "/layer.tar")
                if paths[-1] not in tar.getnames():
                    add(paths[-1], data)
            add(image.hex + ".json", image.config)
            manifest.append({"Config": image.hex + ".json", "RepoTags": image.tags or None,
                             "Layers": paths})
        add("manifest.json", json.dumps(manifest).encode())
    return out.getvalue()


class CliTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        # In the build folder: /tmp may be on a file system that a store refuses.
        self.folder = tempfile.mkdtemp(prefix="cli-", dir=os.getcwd())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.root = os.path.join(self.folder, "store")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def start(self, *arguments, environment=None, **options):
        return subprocess.Popen([HOLDFAST, *arguments],
                                env={**ENVIRONMENT, "HOLDFAST_ROOT": self.root,
                                     **(environment or {})}, **options)

    def run_it(self, *arguments, stdin=None, environment=None, **options):
        """Run the command and return the finished process, output as text."""
        process = self.start(*arguments, environment=environment, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        out, err = process.communicate(stdin or b"", timeout=120)
        process.stdout_bytes = out
        process.out = out.decode(errors="replace")
        process.err = err.decode(errors="replace")
        return process

    def holdfast(self, *arguments, code=0, **options):
        """Run the command, demand an exit code, and return standard output."""
        process = self.run_it(*arguments, **options)
        self.assertEqual(process.returncode, code,
                         f"{arguments}: {process.out[-2000:]}{process.err[-2000:]}")
        return process.out

    def fails(self, *arguments, code=1, **options):
        """Run the command, demand that it fails with one sentence, and return that."""
        process = self.run_it(*arguments, **options)
        self.assertEqual(process.returncode, code, f"{arguments}: {process.out}{process.err}")
        self.assertRegex(process.err, r"\Aholdfast: [^\n]+\n\Z")
        return process.err

    def load(self, *images, arguments=(), **options):
        archive = self.write("archive.tar", docker_archive(images))
        return self.holdfast("load", "-i", archive, *arguments, **options)

    def names(self):
        return self.holdfast("images", "--format", "{{.Repository}}:{{.Tag}}").split()


def main():
    global HOLDFAST
    HOLDFAST = os.path.abspath(sys.argv.pop(1))
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    passed = result.testsRun - failed - skipped
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(1 if failed or result.testsRun == 0 else 0)
