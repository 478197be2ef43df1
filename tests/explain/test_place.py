"""A place is named as the reader would name it."""

from dockless.explain.place import Place


def test_a_file_below_the_readers_folder_is_named_relative_to_it() -> None:
    assert Place("/work/app/compose.yaml", 7).shown("/work/app") == "compose.yaml:7"
    assert Place("/work/app/web/Dockerfile").shown("/work/app") == "web/Dockerfile"


def test_a_file_outside_keeps_its_whole_name() -> None:
    assert Place("/etc/compose.yaml", 2).shown("/work/app") == "/etc/compose.yaml:2"
