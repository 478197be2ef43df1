"""What ADD says of an address that gives nothing."""

import socket
from pathlib import Path

import pytest

from dockless.build.download import DownloadError
from dockless.build.fetching import fetch


def test_an_address_where_nobody_listens_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else's
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        with pytest.raises(DownloadError) as caught:
            fetch(url, tmp_path / "x", "", {}, lambda: None)
    assert str(caught.value).startswith(f"{url}: ")
    assert "Connection refused" in str(caught.value)
    assert "retries" not in str(caught.value)
