"""What the host's apt configuration says about mirrors, and what becomes of it. The hosts are examples."""

import pytest

from dockless.standins import recipe
from dockless.standins.errors import StandInError
from dockless.standins.sources import Mirror, Mirrors, Suite, deb822, host_mirrors, one_line, signed_by, suites

UBUNTU_KEYRING = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
# the main archive
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: {KEYRING}

Types: deb
URIs: http://mirror.example/debian-security http://second.example/debian-security/
Suites: bookworm-security
Components: main
Signed-By:
 /etc/apt/keyrings/one.gpg
 /etc/apt/keyrings/two.asc
"""
ONE_LINE = """\
deb [signed-by=/etc/apt/keyrings/local.gpg,/etc/apt/keyrings/more.gpg] http://mirror.example/debian bookworm main
deb http://plain.example/debian bookworm main contrib
"""


def found(targets: str, files: dict[str, str], *, image: str = "debian", keyring: bool = True) -> Mirrors:
    one = recipe.recipes()[image]
    assert one.distribution is not None
    return host_mirrors(
        targets,
        files.__getitem__,
        distribution=one.distribution,
        releases=one.release_names,
        exists=lambda path: keyring and path in (KEYRING, UBUNTU_KEYRING),
    )


def test_a_deb822_file_gives_mirrors_and_keyrings() -> None:
    targets = """\
http://mirror.example/debian/|bookworm|main|Debian|/etc/apt/sources.list.d/debian.sources:1
http://mirror.example/debian/|bookworm-updates|main|Debian|/etc/apt/sources.list.d/debian.sources:1
http://second.example/debian-security/|bookworm-security|main|Debian|/etc/apt/sources.list.d/debian.sources:2
"""
    mirrors = found(targets, {"/etc/apt/sources.list.d/debian.sources": DEB822})
    assert mirrors.main == Mirror("http://mirror.example/debian", (KEYRING,))
    assert mirrors.security == Mirror(
        "http://second.example/debian-security", ("/etc/apt/keyrings/one.gpg", "/etc/apt/keyrings/two.asc")
    )


def test_lists_that_were_never_fetched_tell_no_origin_and_serve_all_the_same() -> None:
    mirrors = found(
        "http://plain.example/debian/|bookworm|main||/etc/apt/sources.list:2\n", {"/etc/apt/sources.list": ONE_LINE}
    )
    assert mirrors.main == Mirror("http://plain.example/debian", (KEYRING,))
    assert mirrors.security is None


def test_without_a_keyring_the_hosts_trusted_keys_count() -> None:
    targets = "http://plain.example/debian/|stable|main||/etc/apt/sources.list:2\n"
    assert found(targets, {"/etc/apt/sources.list": ONE_LINE}, keyring=False).main.keyrings == ()


def test_other_archives_are_not_taken_for_debians() -> None:
    targets = """\
https://tools.example/apt/|bookworm|main|Tools|/etc/apt/sources.list.d/tools.list:1
https://sql.example/apt/|bookworm-sql|main||/etc/apt/sources.list.d/sql.list:1
https://free.example/debian/|bookworm|contrib|Debian|/etc/apt/sources.list.d/free.list:1
http://archive.example/ubuntu/|jammy|main|Ubuntu|/etc/apt/sources.list:1
cdrom:[Debian 12]/|bookworm|main||/etc/apt/sources.list:1
"""
    with pytest.raises(StandInError, match="no Debian archive among its sources"):
        found(targets, dict.fromkeys(("/etc/apt/sources.list", "/etc/apt/sources.list.d/tools.list"), ""))


UBUNTU = """\
http://archive.example/ubuntu/|noble|main|Ubuntu|/etc/apt/sources.list.d/ubuntu.sources:1
http://archive.example/ubuntu/|noble|universe|Ubuntu|/etc/apt/sources.list.d/ubuntu.sources:1
http://archive.example/ubuntu/|noble-backports|main|Ubuntu|/etc/apt/sources.list.d/ubuntu.sources:1
http://security.example/ubuntu/|noble-security|main|Ubuntu|/etc/apt/sources.list.d/ubuntu.sources:2
https://tools.example/apt/|noble|main|Tools|/etc/apt/sources.list.d/tools.list:1
"""


def test_an_ubuntu_host_has_ubuntus_archive_and_not_debians() -> None:
    files = {"/etc/apt/sources.list.d/ubuntu.sources": "", "/etc/apt/sources.list.d/tools.list": ""}
    mirrors = found(UBUNTU, files, image="ubuntu")
    components = ("main", "universe")
    assert mirrors.main == Mirror("http://archive.example/ubuntu", (UBUNTU_KEYRING,), components)
    assert mirrors.security == Mirror("http://security.example/ubuntu", (UBUNTU_KEYRING,), components)
    assert deb822(suites(mirrors, "jammy"), lambda mirror: mirror.keyrings).splitlines()[:4] == [
        "Types: deb", "URIs: http://archive.example/ubuntu", "Suites: jammy jammy-updates", "Components: main universe",
    ]  # fmt: skip
    with pytest.raises(StandInError, match="no Debian archive among its sources"):
        found(UBUNTU, files)


def test_a_debian_host_has_no_ubuntu_and_is_told_what_to_do() -> None:
    targets = "http://mirror.example/debian/|bookworm|main|Debian|/etc/apt/sources.list:1\n"
    with pytest.raises(StandInError, match=r"no Ubuntu archive .*build FROM debian:bookworm.*DOCKLESS_REGISTRY_MIRROR"):
        found(targets, {"/etc/apt/sources.list": ""}, image="ubuntu")


def test_a_list_of_mirrors_stands_for_its_first() -> None:
    targets = "mirror+file:/etc/apt/mirrors/debian.list/|bookworm|main|Debian|/etc/apt/sources.list:1\n"
    files = {"/etc/apt/sources.list": "", "/etc/apt/mirrors/debian.list": "# near\nhttps://near.example/debian\thigh\n"}
    assert found(targets, files).main.uri == "https://near.example/debian"


def test_the_keyrings_of_a_line_are_its_own() -> None:
    assert signed_by(ONE_LINE, "http://mirror.example/debian/") == (
        "/etc/apt/keyrings/local.gpg",
        "/etc/apt/keyrings/more.gpg",
    )
    assert signed_by(ONE_LINE, "http://plain.example/debian") == ()


def test_sources_are_written_for_another_release() -> None:
    main, security = Mirror("http://a.example/debian", (KEYRING,)), Mirror("http://s.example/security", ())
    wanted = suites(Mirrors(main, security), "trixie")
    assert wanted == (Suite(main, "trixie"), Suite(main, "trixie-updates"), Suite(security, "trixie-security"))
    assert deb822(wanted, lambda mirror: mirror.keyrings) == (
        "Types: deb\nURIs: http://a.example/debian\nSuites: trixie trixie-updates\nComponents: main\n"
        f"Signed-By: {KEYRING}\n\n"
        "Types: deb\nURIs: http://s.example/security\nSuites: trixie-security\nComponents: main\n"
    )
    assert one_line(wanted[1:], lambda mirror: mirror.keyrings) == (
        f"deb [signed-by={KEYRING}] http://a.example/debian trixie-updates main\n"
        "deb http://s.example/security trixie-security main\n"
    )
