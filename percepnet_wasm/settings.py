"""An enhancer's arguments in one object, which can be sent to another process and makes an enhancer per channel."""

from dataclasses import dataclass
from functools import lru_cache

from .constants import ATTENUATION_LIMIT_DB
from .enhancer import Enhancer, Source
from .model_file import Model

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """The arguments of :class:`.Enhancer` except ``block``; they are described there.

    Attributes
    ----------
    model : path, bytes, Model or None
        None takes the bundled one. A path is read once in every process.
    attenuation_limit_db : float
    comb, postfilter : bool
    kernel : str
    """

    model: Source = None
    attenuation_limit_db: float = ATTENUATION_LIMIT_DB
    comb: bool = True
    postfilter: bool = True
    kernel: str = "auto"

    def make_enhancer(self, block: int) -> Enhancer:
        """Make an enhancer for ``block`` hops per call; all enhancers of a process share one model."""
        return Enhancer(
            _model(self.model) if self.model is None or isinstance(self.model, str) else self.model,
            block=block,
            attenuation_limit_db=self.attenuation_limit_db,
            comb=self.comb,
            postfilter=self.postfilter,
            kernel=self.kernel,
        )


@lru_cache(maxsize=2)
def _model(path: str | None) -> Model:
    return Model.load(path)
