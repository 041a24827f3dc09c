"""What people say of class averages: whose turn it is, where grades are kept, how well people agree."""

from cryogauge.classes.labels.store import ClassLabelStore, LabelImage, read_class_labels

__all__ = ["ClassLabelStore", "LabelImage", "read_class_labels"]
