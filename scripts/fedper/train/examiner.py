"""Which tests of clients are due in a round, and what they found."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fedper.algorithm.evaluate import measure, unchanged
from fedper.algorithm.models import split
from fedper.algorithm.optimiser import Optimiser
from fedper.algorithm.sgd import batch_generator, train_phases
from fedper.algorithm.state import Client
from fedper.algorithm.weights import fresh_personal, restore
from fedper.method import Test
from fedper.run import Run


class Score(NamedTuple):
    """The result of one client's model on its own test samples.

    Attributes:
        client: its number.
        test: the Test's name.
        n_samples: tested.
        n_correct: predicted correctly.
        balanced_accuracy: mean, over the classes that occur, of the share predicted correctly.
        n_commonest: samples with the commonest label, which always guessing it would get.
        loss: mean cross-entropy, in nats.
    """

    client: int
    test: str
    n_samples: int
    n_correct: int
    balanced_accuracy: float
    n_commonest: int
    loss: float


@dataclass
class Examiner:
    """Tests clients in one round, in all ways that are due; called as a ``federated.Examine``.

    The results stay on the device until :meth:`scores`, so that the host does not wait for a GPU.

    Attributes:
        round_: number of the round, from 1.
        run: the settings.
        optimiser: of the model, or None, as of ``federated.server_round``.
        found: client, test, number of test samples, and values of ``evaluate.score``.
    """

    round_: int
    run: Run
    optimiser: Optimiser | None = None
    found: list[tuple[int, str, int, Tensor]] = field(default_factory=list)

    def due(self, when: str) -> list[Test]:
        """List the tests of this round at a moment of it; the reference is always among them."""
        reference, *others = self.run.tests
        last, every = self.run.rounds, self.run.other_tests_every
        if self.round_ != last and self.round_ % every:
            others = []
        return [test for test in (reference, *others) if test.when == when]

    def __call__(self, model: nn.Sequential, client: Client, when: str) -> None:
        """Test ``client``, whose model is loaded; leave the model as it was."""
        alike: dict[tuple, list[Test]] = {}
        for test in self.due(when):
            alike.setdefault((test.personal, test.train), []).append(test)
        for (personal, phases), tests in alike.items():
            with unchanged(model) if phases or personal == "fresh" else nullcontext():
                self._prepare(model, client, tests[0])
                for test in tests:
                    with unchanged(model):
                        values = measure(model, client, test, self.run)
                    self.found.append((client.number, test.name, len(client.test), values))

    def _prepare(self, model: nn.Sequential, client: Client, test: Test) -> None:
        """Train what ``test`` wants to be trained."""
        if test.personal == "fresh":
            _, personal = split(model, self.run.method)
            restore(personal, fresh_personal(personal, self.run, client.number))
        if test.train:
            generator = batch_generator(self.run, "evaluation batches", self.round_, client.number)
            train_phases(
                model, client.train, test.train, generator, self.run, optimiser=self.optimiser
            )

    def scores(self) -> list[Score]:
        """Bring all results from the device, sorted by client and as the run lists tests."""
        order = [test.name for test in self.run.tests]
        values = torch.stack([values for *_, values in self.found]).tolist()
        scores = [
            Score(client, test, n, int(correct), balanced, int(commonest), loss)
            for (client, test, n, _), (correct, balanced, commonest, loss) in zip(
                self.found, values, strict=True
            )
        ]
        return sorted(scores, key=lambda score: (score.client, order.index(score.test)))
