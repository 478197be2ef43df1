"""A program of a few hundred bytes that is pid 1 for a container with `init: true`.

It runs the container's process as its child, forwards signals, reaps orphans, and ends with the child's status. Its
assembly source is `data/init-*.s`; here is the machine code, and the ELF file around it, in a sealed memory file. So no
file of the host appears in the container, and no interpreter of ours stays in it.
"""

import fcntl
import os
import struct

_BASE = 0x400000
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_ELF_MACHINES = {"x86_64": 62, "aarch64": 183}
_PT_LOAD, _READ_EXECUTE, _ET_EXEC = 1, 5, 2
_PAGE = 0x10000

CODE = {
    "x86_64": bytes.fromhex(
        "4989e4488b04244c8d6cc4104881ecc000000048c70424ffffffffbf020000004889e6488d54240841ba08000000b80e"
        "0000000f05b8390000000f0585c00f88e10000000f848500000089c34531f64889e7488d74242031d241ba08000000b8"
        "800000000f0583f811741185c07ee089df89c6b83e0000000f05ebd348c7c7ffffffff488d742410ba010000004531d2"
        "b83d0000000f0585c07e1139d875dd41be01000000448b7c2410ebd04585f6749e4489ff83e77f750e4489ffc1ef0881"
        "e7ff000000eb6381c780000000eb5b31ff31f6b86d0000000f05b8270000000f058944241031ffbe10540000488d5424"
        "10b8100000000f05bf02000000488d74240831d241ba08000000b80e0000000f05498b7c2410498d7424184c89eab83b"
        "0000000f05bf7f000000b8e70000000f05"
    ),
    "aarch64": bytes.fromhex(
        "f3030091e00340f9f46f208b94420091ff0303d100008092e00300f9400080d2e1030091e2230091030180d2e81080d2"
        "010000d4200280d2010080d2020080d2030080d2040080d2881b80d2010000d41f0000f1cb070054c0040054f503002a"
        "16008052e0030091e1830091020080d2030180d2281180d2010000d41f440071000100541f000071edfeff54e103002a"
        "e003152a281080d2010000d4f2ffff1700008092e1430091220080d2030080d2882080d2010000d41f000071cd000054"
        "1f00156be1feff5436008052f71340b9f4ffff1796fcff34e01a007261000054e03e08531b0000140000021119000014"
        "000080d2010080d2481380d2010000d4881580d2010000d4e01300b9000080d201828ad2e2430091a80380d2010000d4"
        "400080d2e1230091020080d2030180d2e81080d2010000d4600a40f961620091e20314aaa81b80d2010000d4e00f80d2"
        "c80b80d2010000d4"
    ),
}


def elf(machine: str) -> bytes:
    """The executable. It takes argv as [any name, path, argv[0] of the process, …]. Raises KeyError for an architecture
    without machine code."""
    code = CODE[machine]
    start = _HEADER.size + _SEGMENT.size
    size = start + len(code)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = _HEADER.pack(
        ident,
        _ET_EXEC,
        _ELF_MACHINES[machine],
        1,
        _BASE + start,
        _HEADER.size,
        0,
        0,
        _HEADER.size,
        _SEGMENT.size,
        1,
        0,
        0,
        0,
    )
    segment = _SEGMENT.pack(_PT_LOAD, _READ_EXECUTE, 0, _BASE, _BASE, size, size, _PAGE)
    return header + segment + code


def open_init(machine: str) -> int:
    """A descriptor to execute, which nobody can change. Raises OSError, and KeyError as `elf`."""
    content = elf(machine)
    file = os.memfd_create("init", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(file, content)
    os.fchmod(file, 0o555)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
    # Opened again for reading: the kernel does not execute what somebody may write to.
    reader = os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC)
    os.close(file)
    return reader
