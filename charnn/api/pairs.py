"""What the public classes share whose data are inputs with answers, two lists side by side."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from charnn.api.estimator import Estimator
from charnn.api.training import in_python
from charnn.api.values import Values, are_files, as_paths, is_path
from charnn.errors import ArgumentValueError

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self


class Paired(Estimator):
    """A model of inputs with answers: texts with labels, sentences with tags, sources with targets."""

    inputs_name: ClassVar[str]
    answers_name: ClassVar[str]
    missing: ClassVar[str]  # What to do where the answers are missing
    _pairs: ClassVar["staticmethod[[Any, Any, str], Values]"]  # Inputs in memory with their answers, and what to call them, as a source

    def _fit_pairs(self, inputs: Any, answers: Any, valid: Any, **options: Any) -> "Self":
        """Train on inputs with answers, or without those on files."""
        if answers is None:
            if inputs is not None and not is_path(inputs) and not are_files(inputs):
                raise ArgumentValueError(f"{self.answers_name} are missing; {self.missing}")
            return self._fit_files(inputs, valid, **options)
        data = self._pairs(inputs, answers, self.inputs_name)
        if valid is None:
            return self._fit([data], [], **options)
        if not isinstance(valid, list | tuple) or len(valid) != 2:
            raise ArgumentValueError(f"valid must be ({self.inputs_name}, {self.answers_name})")
        return self._fit([data], [self._pairs(valid[0], valid[1], "valid")], **options)

    def _evaluate(self, data: Any, answers: Any, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return metrics on inputs with answers, on files, or without both of the validation part."""
        model = self._model
        if data is None:
            return dict(self.results_)
        if answers is None:
            with in_python():
                return dict(model.evaluate(as_paths(data, "data"), **options))
        return dict(self._of_values(model.evaluate, self._pairs(data, answers, self.inputs_name), options))

    def _values(self, data: Any, options: dict[str, Any]) -> Values | None:
        answers = options.pop(self.answers_name, None)
        return None if answers is None else self._pairs(data, answers, self.inputs_name)
