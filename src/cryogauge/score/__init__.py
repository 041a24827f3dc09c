"""Tomogram quality: what every slice lets one see, how thick the specimen is, and one score a tomogram."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryogauge.score.store import judge_to_folder, load_judgement
    from cryogauge.score.tomogram import ScoreSettings, score_tomogram, weights_checksum

__all__ = ["ScoreSettings", "judge_to_folder", "load_judgement", "score_tomogram", "weights_checksum"]

_HOMES = {
    "ScoreSettings": "tomogram",
    "judge_to_folder": "store",
    "load_judgement": "store",
    "score_tomogram": "tomogram",
    "weights_checksum": "tomogram",
}


def __getattr__(name: str) -> Any:
    # imported on demand: a command that only needs the settings must not wait for scipy and numba
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"cryogauge.score.{_HOMES[name]}"), name)
    raise AttributeError(name)
