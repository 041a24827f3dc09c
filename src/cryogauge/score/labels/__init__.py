"""What people say of slices: the categories, whose turn it is, where labels are kept, how well people agree."""

from cryogauge.score.labels.table import LABEL_COLUMNS, read_labels

__all__ = ["LABEL_COLUMNS", "read_labels"]
