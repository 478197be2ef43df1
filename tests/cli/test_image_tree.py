"""`images --tree` of an engine that keeps several platforms of an image."""

from dockless.cli.docker.image_tree import tree


def manifest(identity: str, architecture: str, *, available: bool = True, used: bool = False) -> dict[str, object]:
    return {
        "ID": f"sha256:{identity * 64}",
        "Kind": "image",
        "Available": available,
        "Size": {"Total": 3_000_000, "Content": 1_000_000},
        "ImageData": {
            "Platform": {
                "os": "linux",
                "architecture": architecture,
                "variant": "v8" if architecture == "arm64" else "",
            },
            "Containers": ["x"] if used else [],
        },
    }


def test_platforms_are_branches_and_what_is_not_here_is_none() -> None:
    several = {
        "Id": f"sha256:{'1' * 64}",
        "Created": 10,
        "RepoTags": ["app:1", "app:latest"],
        "Size": 6_000_000,
        "Containers": -1,
        "Manifests": [
            manifest("a", "amd64", used=True),
            manifest("b", "arm64"),
            manifest("c", "s390x", available=False),
            {**manifest("d", "amd64"), "Kind": "attestation"},
        ],
    }
    plain = {"Id": f"sha256:{'2' * 64}", "Created": 20, "RepoTags": [], "Size": 5, "Containers": 0}
    assert tree([several, plain]).splitlines() == [
        "IMAGE               ID             DISK USAGE   CONTENT SIZE   EXTRA",
        "<untagged>          222222222222           5B             0B",
        "",
        "app:1",
        "app:latest          111111111111          6MB            2MB   U",
        "├─ linux/amd64      aaaaaaaaaaaa          3MB            1MB   U",
        "└─ linux/arm64/v8   bbbbbbbbbbbb          3MB            1MB",
    ]
