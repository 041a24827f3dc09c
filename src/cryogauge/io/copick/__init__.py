"""copick projects in and out: tomograms, picks, segmentations and features, wherever copick finds them."""

from cryogauge.io.copick.features import feature_names, open_features, write_features
from cryogauge.io.copick.kaggle import import_kaggle
from cryogauge.io.copick.picks import check_saving, read_project_picks, write_project_picks
from cryogauge.io.copick.project import Project, create_project, is_config, open_project, run_names
from cryogauge.io.copick.segmentations import read_mask, read_segmentation, write_mask, write_segmentation
from cryogauge.io.copick.summary import describe_project
from cryogauge.io.copick.tomograms import TomogramName, list_tomograms, open_tomogram, write_tomogram
from cryogauge.io.copick.uris import FORMAT, PREFIX, tomogram_attributes, tomogram_path, tomogram_uris

__all__ = [
    "FORMAT",
    "PREFIX",
    "Project",
    "TomogramName",
    "check_saving",
    "create_project",
    "describe_project",
    "feature_names",
    "import_kaggle",
    "is_config",
    "list_tomograms",
    "open_features",
    "open_project",
    "open_tomogram",
    "read_mask",
    "read_project_picks",
    "read_segmentation",
    "run_names",
    "tomogram_attributes",
    "tomogram_path",
    "tomogram_uris",
    "write_features",
    "write_mask",
    "write_project_picks",
    "write_segmentation",
    "write_tomogram",
]
