"""Docker's `--format`: a Go template over a row of a list, or over an object of the API.

An object of the API is JSON here, where Docker has types; what its types say of fields that are null or left out stands
in the tables below.
"""

import re
from collections.abc import Mapping, Sequence

from dockless.cli.failure import Failure
from dockless.cli.output import Row, table
from dockless.cli.template import HEADER_FUNCTIONS, Template, TemplateError
from dockless.cli.template.values import NO_LIST, NO_MAP, NO_POINTER, NO_TEXT, Null

_LISTS = """Aliases BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeightDevice
Binds CapAdd CapDrop Cmd Config DNSNames DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch Entrypoint
Env ExecIDs ExtraHosts GroupAdd Layers Links LinkLocalIPs MaskedPaths Mounts OnBuild ReadonlyPaths RepoDigests RepoTags
SecondaryIPAddresses SecondaryIPv6Addresses SecurityOpt Shell Ulimits VolumesFrom Warnings"""
_MAPS = """Annotations AuxiliaryAddresses Containers DriverOpts ExposedPorts Labels Networks Options PortBindings Ports
StorageOpt Sysctls Tmpfs Volumes"""
_POINTERS = """ClusterVolume Descriptor GraphDriver Health Healthcheck IPAMConfig Init MemorySwappiness OomKillDisable
PidsLimit SizeRootFs SizeRw StopTimeout UsageData"""
_TEXTS = """Author CgroupParent Comment Container ContainerIDFile CreatedAt DockerVersion Domainname From ID IPRange
MacAddress Parent Scope Status StopSignal Variant VolumeDriver"""
_ZEROS: Mapping[str, Null] = {
    name: zero
    for names, zero in ((_LISTS, NO_LIST), (_MAPS, NO_MAP), (_POINTERS, NO_POINTER), (_TEXTS, NO_TEXT))
    for name in names.split()
}


def render(template: str, data: object) -> str:
    """A template over an object of the API. Raises `Failure`: 64 for one that cannot be read, as Docker."""
    try:
        parsed = Template(template)
    except TemplateError as error:
        raise Failure(f"template parsing error: {error}", 64) from error
    try:
        return parsed.render(_ordered(data), _absent)
    except TemplateError as error:
        raise Failure(f"template parsing error: {error}") from error


def format_rows(rows: Sequence[Row], columns: Mapping[str, str], format_: str, *, status: int = 64) -> list[str]:
    """`TEMPLATE`: a line for each row. `table TEMPLATE`: a table whose columns stand between tabs.

    Raises `Failure` with `status` for a template that is wrong.
    """
    tabular = re.match(r"table\s", format_)
    text = format_[5:] if tabular else format_
    text = text.strip(" ").replace("\\t", "\t").replace("\\n", "\n")
    try:
        parsed = Template(text)
        lines = [parsed.render(row) for row in rows]
        if not tabular:
            return lines
        headings = {field: heading for heading, field in columns.items()}
        fields = {field for row in rows[:1] for field in row} | headings.keys()
        heads = {field: headings.get(field, _words(field)) for field in fields} | {"Label": _label}
        head = Template(text, HEADER_FUNCTIONS).render(heads, lambda _, name: _words(name))
    except TemplateError as error:
        known = sorted(field for row in rows[:1] for field in row)
        hint = f"\n  fields: {', '.join(known)}" if "no entry for key" in str(error) else ""
        raise Failure(f"template parsing error: {error}{hint}", status) from error
    cells = [line.split("\t") for line in lines]
    width = max(len(head.split("\t")), *(len(line) for line in cells), 1)
    filled = [line + [""] * (width - len(line)) for line in cells]
    heading = head.split("\t")
    return [table(heading + [""] * (width - len(heading)), filled, minimum=10)]


def _label(name: str) -> str:
    """The head over `{{.Label "com.example.tier"}}`: `tier`."""
    return re.sub(r"[-_]", " ", name.rpartition(".")[2])


def _words(field: str) -> str:
    """`LocalVolumes` → `LOCAL VOLUMES`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field).upper()


def _ordered(value: object, *, is_map: bool = False) -> object:
    """What Docker has as a map comes in the order of its keys, what it has as a struct in the engine's order."""
    match value:
        case dict():
            keys = sorted(value) if is_map else value
            return {key: _ordered(value[key], is_map=_ZEROS.get(key) is NO_MAP) for key in keys}
        case list():
            return [_ordered(item) for item in value]
    return value


def _absent(value: Mapping[str, object], name: str) -> object:
    """Docker's types and its JSON write some names in other letters (`ID`, `Id`)."""
    if name not in value:
        for key, found in value.items():
            if key.lower() == name.lower() and found is not None:
                return found
    return _ZEROS[name] if name not in value else _ZEROS.get(name, NO_POINTER)
