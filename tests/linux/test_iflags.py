import fcntl
import os
import struct
from pathlib import Path

import pytest

from dockless.linux.iflags import FS_IOC_GETFLAGS, FS_TOPDIR_FL, spread_below


def _flags(folder: Path) -> int | None:
    """None where the file system knows no attributes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flags: int = struct.unpack("=I", fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8))[:4])[0]
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return flags


def test_a_folder_that_was_marked_keeps_its_other_attributes_and_may_be_marked_again(tmp_path: Path) -> None:
    before = _flags(tmp_path)
    spread_below(tmp_path)
    spread_below(tmp_path)
    after = _flags(tmp_path)
    if before is None:
        assert after is None
    else:
        assert after in (before, before | FS_TOPDIR_FL)  # file systems other than ext4 may leave it out
    (tmp_path / "below").mkdir()


def test_where_the_file_system_knows_no_such_mark_nothing_happens() -> None:
    odd = Path("/proc/self")
    spread_below(odd)
    with pytest.raises(FileNotFoundError):
        spread_below(odd / "not-there")
