import json

import pytest

from stromal.errors import InputError
from stromal.views.files import check_folder, manifest, save_folder, write_file
from stromal.views.schema import list_schemas, load_schema


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "r"
    for files in ({"a.csv": b"1", "b.csv": b"2"}, {"a.csv": b"3"}):
        save_folder(folder, files, manifest({"command": "x"}, files))
    assert sorted(p.name for p in folder.iterdir()) == ["a.csv", "manifest.json"]
    assert (folder / "a.csv").read_bytes() == b"3"
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize("content", ["not json", "[]", '{"files": 3}', "{}"])
def test_a_strange_manifest_is_not_ours(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match="did not write"):
        check_folder(tmp_path)


def test_a_file_is_not_replaced_unless_allowed(tmp_path):
    path = tmp_path / "x.txt"
    write_file(path, b"1", "out", overwrite=False)
    with pytest.raises(InputError, match="exists already"):
        write_file(path, b"2", "out", overwrite=False)
    assert path.read_bytes() == b"1"


def test_schemas_name_themselves():
    for name in list_schemas():
        assert load_schema(name)["$id"] == f"urn:stromal:schema:{name}:1"
        assert json.dumps(load_schema(name))
