"""What a weigh check has learned, kept in a directory, so that it goes on where it stopped."""

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from scipy import sparse

from unqueue.weighing.counting import CountModel, Tally
from unqueue.weighing.design import Batch
from unqueue.weighing.fitting import Parameters
from unqueue.weighing.learner import Learner
from unqueue.weighing.priors import Goods, Prior

_FILE = "learned.npz"
_VERSION = 3


class StateUnusable(Exception):
    """The directory holds something else. Says what to do."""


class _Words(msgspec.Struct):
    """What is not an array."""

    version: int
    product_of: list[str]
    bag: int
    seen: int
    fitted: int
    next_fit: int
    lot_share: float
    wrong: float
    position: int
    habits: dict[str, dict[str, float]]
    tallies: dict[str, Tally]
    count_models: dict[str, CountModel]


_PARAMETERS = tuple(field for field in Parameters.__struct_fields__ if field not in {"lot_share", "wrong"})


def save(learner: Learner, directory: Path) -> None:
    """Write what was learned, whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    words = _Words(
        version=_VERSION,
        product_of=learner.product_of,
        bag=learner.bag,
        seen=learner.seen,
        fitted=learner.fitted,
        next_fit=learner.next_fit,
        lot_share=learner.parameters.lot_share,
        wrong=learner.parameters.wrong,
        position=learner.position,
        habits=dict(learner.habits),
        tallies=learner.tallies,
        count_models=learner.count_models,
    )
    history = learner.history
    arrays: dict[str, Any] = {
        "words": np.frombuffer(msgspec.json.encode(words), dtype=np.uint8),
        "popularity": learner.popularity,
        "count_data": history.batch.count.data,
        "count_indices": history.batch.count.indices,
        "count_indptr": history.batch.count.indptr,
        "rest_g": history.batch.rest_g,
        "label_g": history.batch.label_g,
        "scale_variance": history.batch.scale_variance,
        "low_g": history.low_g,
        "high_g": history.high_g,
        "passed": history.passed,
    }
    arrays |= {f"prior_{name}": getattr(learner.prior, name) for name in Prior.__struct_fields__}
    arrays |= {f"learned_{name}": getattr(learner.parameters, name) for name in _PARAMETERS}
    unfinished = directory / f".{_FILE}.part"
    with unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(directory / _FILE)


def set_aside(directory: Path) -> None:
    """Rename what can't be used, so that learning can begin anew."""
    file = directory / _FILE
    file.replace(file.with_suffix(".unusable"))


def load(directory: Path, goods: list[Goods], *, false_alarm: float, trusts_all: bool) -> Learner:
    """Go on from a directory, or begin anew where there is nothing. Products that are new in the catalogue are added;
    those that have gone from it are kept, for old orders hold them. StateUnusable.
    """
    file = directory / _FILE
    learner = Learner(goods, false_alarm=false_alarm, trusts_all=trusts_all)
    if not file.exists():
        return learner
    try:
        with np.load(file, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        words = msgspec.json.decode(arrays["words"].tobytes(), type=_Words)
    except (OSError, ValueError, KeyError, msgspec.DecodeError) as error:
        raise StateUnusable(f"{file}: can't be read ({error}); give another directory, or delete it.") from None
    if words.version != _VERSION:
        raise StateUnusable(f"{file}: of another version of Unqueue; delete it to learn anew.")
    learner.product_of, learner.bag = words.product_of, words.bag
    # The last column of a product is the one that holds now.
    learner.columns = {name: column for column, name in enumerate(words.product_of) if column != words.bag}
    learner.prior = Prior(**{name: arrays[f"prior_{name}"] for name in Prior.__struct_fields__})
    learned = {name: arrays[f"learned_{name}"] for name in _PARAMETERS}
    learner.parameters = Parameters(**learned, lot_share=words.lot_share, wrong=words.wrong)
    learner.popularity = arrays["popularity"]
    learner.seen, learner.fitted, learner.next_fit = words.seen, words.fitted, words.next_fit
    learner.habits.update(words.habits)
    learner.tallies, learner.count_models = words.tallies, words.count_models
    learner.position = words.position
    history, width = learner.history, len(words.product_of)
    counts = (arrays["count_data"], arrays["count_indices"], arrays["count_indptr"])
    history.batch = Batch(
        sparse.csr_array(counts, shape=(len(arrays["rest_g"]), width)),
        arrays["rest_g"],
        arrays["label_g"],
        arrays["scale_variance"],
    )
    history.low_g, history.high_g = arrays["low_g"], arrays["high_g"]
    history.passed = arrays["passed"]
    learner.add([one for one in goods if one.product_id not in learner.columns])
    return learner
