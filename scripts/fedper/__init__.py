"""FedPer: federated learning with personalization layers (arXiv 1912.00818).

Letters of the paper, and the names that this package uses for them:

=====  ==============================================  ==========================
N      clients                                         ``n_clients``
k      classes that a client holds                     ``classes_per_client``
K_P    personalization layers, from the output down    ``personalization_layers``
W_B    weights of the base layers, shared              ``base``
W_P_j  weights of client j's personalization layers    ``personal``
n_j    training samples of client j                    ``n_samples``
γ_j    aggregation weight of client j, n_j / Σ n_j     in ``WeightedMean``
e      epochs that a client trains in one round        ``local_epochs``
b      samples in a batch                              ``batch_size``
η      learning rate                                   ``learning_rate``
=====  ==============================================  ==========================

The algorithm is in :mod:`fedper.algorithm`: a round in :mod:`~fedper.algorithm.federated`, the
average in :mod:`~fedper.algorithm.server`. FedAvg is K_P = 0; training each client alone is K_P =
all layers.

The folders are the stages through which data flow: fetch, data, plan, algorithm, train, job,
results, judge, draw, report; keep, beside them, is about DVC. A folder imports only from those
before it, and from the modules here (CONTRIBUTING.md has a picture).
"""
