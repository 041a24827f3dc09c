import fsspec
import pytest
from copick.util.reconnecting_fs import ReconnectingFileSystem

from cryogauge.io.copick import Project, create_project, open_project
from cryogauge.records import CZII_OBJECTS
from tests.io.copick.makers import bucket, configuration


@pytest.fixture
def project(tmp_path) -> Project:
    """An empty project of ours."""
    return open_project(create_project(tmp_path / "project", CZII_OBJECTS))


@pytest.fixture
def s3(monkeypatch):
    """An S3 stand-in at which every client of this process looks; what lies in it, by ``BUCKET/KEY``."""
    with bucket() as (address, objects):
        for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
            monkeypatch.setenv(name, address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        kinds = (fsspec.get_filesystem_class("s3"), ReconnectingFileSystem)
        for kind in kinds:
            kind.clear_instance_cache()
        yield objects
        for kind in kinds:
            kind.clear_instance_cache()


@pytest.fixture(params=["local", "memory", "s3"])
def anywhere(request, tmp_path):
    """The configuration of an empty project with its overlay on three kinds of file system."""
    if request.param == "local":
        (tmp_path / "overlay").mkdir()
        yield configuration(tmp_path)
    elif request.param == "memory":
        yield configuration(tmp_path, overlay_root=f"memory://{tmp_path.name}", overlay_fs_args={})
        fsspec.filesystem("memory").store.clear()
    else:
        request.getfixturevalue("s3")
        yield configuration(tmp_path, overlay_root="s3://lab/project", overlay_fs_args={})
