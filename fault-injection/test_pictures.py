#!/usr/bin/env python3
"""pictures.py: what it is given is in the pictures, whatever the source; nothing gives no picture."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures.py")
TSV = "epoch\t0\t5\t0\t3\t3\t0\nepoch\t1\t2\t1\t4\t4\t2\n" \
    "recording\text4\t1\t1\t7\t9\t7\t1\t2\t0\t0.5\nepoch\t0\t1\t0\t1\t1\t0\n" \
    "recording\txfs\t1\t0\t1\t1\t1\t0\t0\t0\t0.1\n"


class PicturesTest(unittest.TestCase):
    def draw(self, text):
        folder = tempfile.mkdtemp()
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        with open(folder + "/in", "w", encoding="ascii") as file:
            file.write(text)
        done = subprocess.run([sys.executable, PROGRAM, folder + "/in", folder + "/out"],
                              capture_output=True, text=True, check=False)
        pictures = {}
        for name in os.listdir(folder + "/out") if done.returncode == 0 else []:
            with open(folder + "/out/" + name, encoding="utf-8") as file:
                pictures[name] = file.read()
        return done.returncode, pictures

    def told(self, picture):
        return [node.text for node in ElementTree.fromstring(picture).iter()
                if node.tag.endswith(("title", "text"))]

    def test_a_tsv_is_drawn_alike_each_time(self):
        code, pictures = self.draw(TSV)
        self.assertEqual((code, sorted(pictures)), (0, ["recording.svg", "states.svg"]))
        self.assertEqual(pictures, self.draw(TSV)[1])
        told = self.told(pictures["states.svg"])
        self.assertIn("8 states of disks that lost power, 2 of them break a promise", told)
        self.assertIn("7 of 1 recordings, 1 unmountable, 2 broken", told)
        told = self.told(pictures["recording.svg"])
        self.assertIn("xfs, seed 1: 0 flushes, 1 writes, 1 states", told)
        self.assertIn("flush 0: 1 states, 0 broken", told)

    def test_where_a_long_run_is_is_drawn_too(self):
        code, pictures = self.draw(json.dumps([{"xfs": [3, 40, 0, 0, 0, 1.5]}, 3]))
        self.assertEqual((code, sorted(pictures)), (0, ["states.svg"]))
        self.assertIn("40 of 3 recordings", self.told(pictures["states.svg"]))

    def test_nothing_is_no_picture(self):
        self.assertEqual(self.draw("")[0], 1)


if __name__ == "__main__":
    unittest.main()
