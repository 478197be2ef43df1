"""From the name of a shared library to the Debian package that has it, by Debian's naming rules (policy 8.1)."""

import re

# Libraries that the root has anyway: the C library's own parts.
_C_LIBRARY = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|util|pthread|resolv|anl))\.so\.\d+")
_EXCEPTIONS = {"libz.so.1": "zlib1g", "libpanelw.so.6": "libncursesw6", "libpanel.so.6": "libncurses6"}
# Libraries that are shipped in another one's package.
_SHIPPED_WITH = {"libcrypto": "libssl"}


def package_names(soname: str) -> tuple[str, ...]:
    """The packages that may hold `soname`, the likeliest first; none for the C library's own.

    A release that has gone through the change to 64-bit times names some packages `…t64`.
    """
    if _C_LIBRARY.fullmatch(soname):
        return ()
    name = _EXCEPTIONS.get(soname) or _named(soname)
    return (name,) if name in _EXCEPTIONS.values() else (f"{name}t64", name)


def _named(soname: str) -> str:
    stem, _, version = soname.partition(".so")
    version = version.lstrip(".")
    if not version:  # the version stands before the suffix: libdb-5.3.so
        stem, _, version = stem.rpartition("-")
    stem = _SHIPPED_WITH.get(stem, stem)
    separator = "-" if stem[-1:].isdigit() else ""
    return f"{stem}{separator}{version}".replace("_", "-").lower()
