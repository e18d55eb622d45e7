"""Keeping the noise of libraries out of the output."""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator

from symbiote_cli.output import is_verbose


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence transformers' log and bars, and every warning; with ``--verbose`` only the bars.

    What these warnings say of a swapped model is in its report. transformers must be installed.
    """
    # transformers would otherwise ask a service to convert a model that has no safetensors.
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"
    from transformers.utils import logging as theirs

    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    bars = theirs.is_progress_bar_enabled()
    theirs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            if not is_verbose():
                warnings.simplefilter("ignore")
                for logger in loggers:
                    logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            theirs.enable_progress_bar()
