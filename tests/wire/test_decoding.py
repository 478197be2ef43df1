"""Types that several threads decode for the first time, at once."""

import subprocess
import sys

MANY = """
import sys
import threading
from msgspec import Struct, defstruct
from dockless.decoding import convert, decode

sys.setswitchinterval(1e-6)
threads = 4
for _ in range(300):
    inner = defstruct("Inner", [(f"field_{number}", "int | str | None", None) for number in range(8)])
    kind = defstruct("Outer", [("inner", inner | None, None), ("others", list[inner], [])])
    ready = threading.Barrier(threads)

    def work():
        ready.wait()
        assert decode(b'{"inner": {"field_1": 1}}', kind).inner.field_1 == 1
        assert convert({"others": [{"field_2": "a"}]}, kind).others[0].field_2 == "a"

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
print("done")
"""


def test_threads_that_decode_a_type_for_the_first_time_do_not_meet() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
