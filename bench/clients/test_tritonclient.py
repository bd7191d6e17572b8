"""Drives bin/inferd with the public tritonclient, as users do.

usage: test_tritonclient.py INFERD
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import numpy
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

import models

SAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "samples")


def free_ports(count):
    """Ports that are free now, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Daemon:
    """A running inferd over a folder of models."""

    def __init__(self, binary, folder):
        self.http, self.metrics = free_ports(2)
        self.address = f"127.0.0.1:{self.http}"
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [binary, "serve", folder, "--http-port", str(self.http), "--metrics-port", str(self.metrics)], stderr=self.log)
        client = triton.InferenceServerClient(self.address)
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                if client.is_server_ready():
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.process.kill()
        self.log.seek(0)
        raise RuntimeError("inferd does not become ready: " + self.log.read().decode())

    def stop(self):
        """End the daemon as systemd does; return its exit code and the seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        return code, time.monotonic() - began


def tensor(name, array, datatype, binary):
    given = triton.InferInput(name, array.shape, datatype)
    given.set_data_from_numpy(array, binary_data=binary)
    return given


def add_sub_inputs(rows=2, binary=True, value=3.0):
    x = numpy.full((rows, 16), value, numpy.float32)
    y = numpy.arange(rows * 16, dtype=numpy.float32).reshape(rows, 16)
    return x, y, [tensor("x", x, "FP32", binary), tensor("y", y, "FP32", binary)]


class TritonClient(unittest.TestCase):
    binary = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        models.write(cls.folder.name)
        shutil.copytree(os.path.join(SAMPLES, "digits_cnn"), os.path.join(cls.folder.name, "digits_cnn"))
        cls.daemon = Daemon(cls.binary, cls.folder.name)
        cls.client = triton.InferenceServerClient(cls.daemon.address, concurrency=8)

    @classmethod
    def tearDownClass(cls):
        code, seconds = cls.daemon.stop()  # with the client's idle connections open
        cls.client.close()
        cls.folder.cleanup()
        if code != 0 or seconds > 5:
            raise AssertionError(f"after SIGTERM inferd ended with code {code} after {seconds:.1f} s")

    def refused(self, part, call, *arguments, **named):
        with self.assertRaises(InferenceServerException) as raised:
            call(*arguments, **named)
        self.assertIn(part, raised.exception.message())
        return raised.exception.status()

    def check_add_sub(self, result, x, y):
        numpy.testing.assert_array_equal(result.as_numpy("sum"), x + y)
        numpy.testing.assert_array_equal(result.as_numpy("difference"), x - y)

    def test_health(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("add_sub"))
        self.assertTrue(self.client.is_model_ready("add_sub", "1"))
        self.assertFalse(self.client.is_model_ready("none"))

    def test_metadata(self):
        server = self.client.get_server_metadata()
        self.assertEqual(server["name"], "inferd")
        self.assertIn("binary_tensor_data", server["extensions"])
        model = self.client.get_model_metadata("add_sub")
        self.assertEqual(model["versions"], ["1"])
        self.assertEqual(model["inputs"][0], {"name": "x", "datatype": "FP32", "shape": [-1, 16]})
        config = self.client.get_model_config("echo")
        self.assertEqual(config["input"][0]["data_type"], "TYPE_STRING")
        self.assertEqual(config["name"], "echo")

    def test_statistics(self):
        self.client.infer("count", [tensor("n", numpy.ones((3, 4), numpy.int64), "INT64", True)])
        entry = self.client.get_inference_statistics("count")["model_stats"][0]
        self.assertGreaterEqual(entry["inference_count"], 3)
        self.assertGreater(entry["inference_stats"]["success"]["count"], 0)
        self.assertGreater(len(self.client.get_inference_statistics()["model_stats"]), 1)

    def test_repository(self):
        index = {entry["name"]: entry["state"] for entry in self.client.get_model_repository_index()}
        self.assertEqual(index["add_sub"], "READY")
        self.client.unload_model("echo")
        self.assertFalse(self.client.is_model_ready("echo"))
        self.assertTrue(self.client.is_server_ready())
        self.refused("not ready", self.client.infer, "echo", [tensor("text", numpy.array([["a", "b"]], numpy.object_), "BYTES", True)])
        self.client.load_model("echo")
        self.assertTrue(self.client.is_model_ready("echo"))
        self.refused("does not exist", self.client.load_model, "none")

    def test_float(self):
        for binary in (True, False):
            x, y, inputs = add_sub_inputs(binary=binary)
            self.check_add_sub(self.client.infer("add_sub", inputs), x, y)
            wanted = [triton.InferRequestedOutput("difference", binary_data=not binary)]
            result = self.client.infer("add_sub", inputs, outputs=wanted, request_id="7", model_version="1", priority=1, timeout=10_000_000)
            numpy.testing.assert_array_equal(result.as_numpy("difference"), x - y)
            self.assertIsNone(result.as_numpy("sum"))
            self.assertEqual(result.get_response()["id"], "7")

    def test_not_finite(self):
        x, y, inputs = add_sub_inputs(binary=True, value=float("inf"))
        result = self.client.infer("add_sub", inputs, outputs=[triton.InferRequestedOutput("sum", binary_data=False)])
        numpy.testing.assert_array_equal(result.as_numpy("sum"), x + y)

    def test_integers(self):
        n = numpy.array([[1, -2, 2**62 - 1, -(2**62)]], numpy.int64)
        for binary_in in (True, False):
            for binary_out in (True, False):
                result = self.client.infer(
                    "count", [tensor("n", n, "INT64", binary_in)], outputs=[triton.InferRequestedOutput("twice", binary_data=binary_out)])
                numpy.testing.assert_array_equal(result.as_numpy("twice"), 2 * n)

    def test_bytes(self):
        text = numpy.array([["a", ""], ["zwei\nZeilen", "żółć"]], numpy.object_)
        for binary in (True, False):
            result = self.client.infer(
                "echo", [tensor("text", text, "BYTES", binary)], outputs=[triton.InferRequestedOutput("same", binary_data=binary)])
            got = [each.decode() if isinstance(each, bytes) else each for each in result.as_numpy("same").ravel()]
            self.assertEqual(got, list(text.ravel()))

    def test_sample(self):
        """The committed sample answers as its reference does."""
        with open(os.path.join(SAMPLES, "digits_cnn", "request.json")) as file:
            request = json.load(file)["inputs"][0]
        image = numpy.array(request["data"], numpy.float32).reshape(request["shape"])
        result = self.client.infer("digits_cnn", [tensor(request["name"], image, "FP32", True)])
        last = result.get_response()["outputs"][-1]["name"]
        self.assertEqual(int(result.as_numpy(last).argmax()), 2)

    def test_compression(self):
        for request in (None, "gzip", "deflate"):
            for response in (None, "gzip", "deflate"):
                for binary in (True, False):
                    x, y, inputs = add_sub_inputs(64, binary)
                    self.check_add_sub(self.client.infer(
                        "add_sub", inputs, request_compression_algorithm=request, response_compression_algorithm=response), x, y)

    def test_errors(self):
        _, _, inputs = add_sub_inputs()
        self.assertEqual(self.refused("does not exist", self.client.infer, "none", inputs), "404")
        self.assertEqual(self.refused('"y" is missing', self.client.infer, "add_sub", inputs[:1]), "400")
        self.refused("no such version", self.client.infer, "add_sub", inputs, model_version="9")
        self.refused('has no output "z"', self.client.infer, "add_sub", inputs, outputs=[triton.InferRequestedOutput("z")])
        self.refused("int64", self.client.infer, "count", [tensor("n", numpy.ones((1, 4), numpy.float32), "FP32", True)])
        self.refused("the model wants", self.client.infer, "count", [tensor("n", numpy.ones((1, 5), numpy.int64), "INT64", True)])
        self.refused("sequences", self.client.infer, "add_sub", inputs, sequence_id=3, sequence_start=True)
        self.assertEqual(self.refused("no such endpoint", self.client.get_log_settings), "404")

    def test_asynchronous(self):
        pending = []
        for value in range(32):
            x, y, inputs = add_sub_inputs(1 + value % 5, True, value)
            pending.append((x, y, self.client.async_infer("add_sub", inputs)))
        for x, y, handle in pending:
            self.check_add_sub(handle.get_result(), x, y)

    def test_concurrency(self):
        failures = []

        def work(seed):
            client = triton.InferenceServerClient(self.daemon.address)
            try:
                for i in range(25):
                    x, y, inputs = add_sub_inputs(1 + i % 4, i % 2 == 0, seed * 100 + i)
                    self.check_add_sub(client.infer("add_sub", inputs), x, y)
            except Exception as error:  # reported by the test's thread
                failures.append(error)
            finally:
                client.close()

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.daemon.metrics}/metrics") as response:
            text = response.read().decode()
        self.assertIn('inferd_requests_total{model="add_sub",outcome="success"}', text)
        self.assertNotIn('model="none"', text)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    TritonClient.binary = sys.argv[1]
    result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(TritonClient))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - min(failed, result.testsRun)} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
