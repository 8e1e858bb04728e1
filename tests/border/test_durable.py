"""Files that are replaced whole or not at all."""

import os
from pathlib import Path

import pytest

from edgehub.durable import replace_file


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """The new text is there, under the old name, and no other file."""
    path = tmp_path / "learned.yaml"
    path.write_text("old, and longer than what comes")
    replace_file(path, "new: ä\n")
    assert path.read_text("utf-8") == "new: ä\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    """Half a text is never seen: the old one stays, and what was begun is taken away."""
    path = tmp_path / "learned.yaml"
    replace_file(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "new" * 10_000 + "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_its_owners_alone_also_when_the_old_one_was_not(tmp_path: Path) -> None:
    """A secret that is written anew is closed to others from its first moment."""
    path = tmp_path / "keys.json"
    path.write_text("{}")
    path.chmod(0o644)
    replace_file(path, "{}", private=True)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_writes_in_private_belongs_to_whom_the_folder_belongs(tmp_path: Path) -> None:
    """`sudo edgehub hue pair` writes for a service that is not root, and must be able to read it."""
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 4711, 4712)
    replace_file(folder / "keys.json", "{}", private=True)
    found = (folder / "keys.json").stat()
    assert (found.st_uid, found.st_gid) == (4711, 4712)
