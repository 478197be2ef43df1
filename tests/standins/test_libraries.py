"""Debian's naming of library packages."""

import pytest

from dockless.standins.libraries import package_names


@pytest.mark.parametrize(
    ("soname", "package"),
    [
        ("libz.so.1", "zlib1g"),
        ("libbz2.so.1.0", "libbz2-1.0"),
        ("libsqlite3.so.0", "libsqlite3-0"),
        ("libssl.so.1.1", "libssl1.1"),
        ("libcrypto.so.3", "libssl3"),
        ("libncursesw.so.6", "libncursesw6"),
        ("libpanelw.so.6", "libncursesw6"),
        ("libtirpc.so.3", "libtirpc3"),
        ("libdb-5.3.so", "libdb5.3"),
        ("libgdbm_compat.so.4", "libgdbm-compat4"),
        ("libgcc_s.so.1", "libgcc-s1"),
        ("libstdc++.so.6", "libstdc++6"),
        ("libX11.so.6", "libx11-6"),
    ],
)
def test_a_library_is_in_this_package(soname: str, package: str) -> None:
    assert package_names(soname)[-1] == package
    assert set(package_names(soname)) <= {package, f"{package}t64"}


@pytest.mark.parametrize("soname", ["libc.so.6", "libm.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2"])
def test_the_c_librarys_own_need_no_package(soname: str) -> None:
    assert package_names(soname) == ()
