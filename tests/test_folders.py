"""The folders of migrations (H21), and a disk on which they cannot be renamed."""

import contextlib
import os
import shutil
import subprocess

import pytest


def test_h21_migrations_is_a_symlink(backscope):
    elsewhere = backscope.folder.parent / "elsewhere"
    (backscope.folder / "migrations").rename(elsewhere)
    (backscope.folder / "migrations").symlink_to(elsewhere)
    files = sorted(elsewhere.rglob("*"))
    confirm = ["--confirm", backscope.name]
    assert backscope.run("rebuild", *confirm, **backscope.fast).code == 0
    assert (backscope.folder / "migrations.~1~").is_symlink()
    assert not (backscope.folder / "migrations").is_symlink()
    assert sorted(elsewhere.rglob("*")) == files


@pytest.mark.slow
def test_h21_migrations_is_a_file_or_leads_nowhere(backscope):
    folder = backscope.folder / "migrations"
    shutil.rmtree(folder)
    folder.write_text("")
    for action in (["rebuild", "--confirm", backscope.name], ["undo"]):
        error = backscope.refused(*action).err
        assert "is no folder" in error
        assert "rm " in error
    folder.unlink()
    folder.symlink_to("nowhere")
    out = backscope.run("rebuild", "--keep", "--dry-run").out
    assert "\nmv migrations migrations.~1~\n" in out


@pytest.mark.slow
def test_h21_numbers_that_are_taken(backscope):
    (backscope.folder / "migrations.~1~").symlink_to("nowhere")
    name = backscope.name
    backscope.postgres.sql(f'CREATE DATABASE "{name}.~2~" OWNER scope')
    out = backscope.run("rebuild", "--confirm", name, "--dry-run").out
    assert "\nmv migrations migrations.~3~\n" in out


@pytest.mark.slow
def test_h21_a_read_only_checkout(backscope):
    if os.geteuid() == 0:
        mount = ["mount", "--bind", str(backscope.folder), str(backscope.folder)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a folder read-only")
        subprocess.run(["mount", "-o", "remount,ro,bind", str(backscope.folder)], check=True)
    else:
        backscope.folder.chmod(0o555)
    try:
        for action in (["rebuild", "--confirm", backscope.name], ["undo"]):
            error = backscope.refused(*action).err
            assert "is not writable" in error
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", "-l", str(backscope.folder)], check=True)
        else:
            backscope.folder.chmod(0o755)


@pytest.mark.slow
def test_a_full_disk_under_the_checkout(backscope):
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a full disk needs root, who may mount a small one")
    disk = backscope.folder.parent / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        small = disk / "backscope"
        shutil.copytree(backscope.folder, small, symlinks=True)
        with contextlib.suppress(OSError), open(disk / "filler", "wb") as filler:
            while True:
                filler.write(bytes(1000))
                filler.flush()
        before = backscope.snapshot()
        here = ["--backscope-dir", str(small)]
        fill = {"INSTEAD": "flask db migrate", "DO": "cat /dev/zero >migrations/versions/new.py"}
        result = backscope.run("rebuild", "--keep", *here, **fill, **backscope.fast)
        assert result.code == 1, result
        assert "Everything is as it was before" in result.err
        assert backscope.snapshot() == before
        assert sorted(path.name for path in small.glob("migrations*")) == ["migrations"]
        (disk / "filler").unlink()
        assert backscope.run("rebuild", "--keep", *here, **backscope.fast).code == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
