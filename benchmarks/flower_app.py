"""FedPer as an app of Flower's simulation: FedAvg over the base, the rest in each client's state.

Started by against_flower.py, in a Python that has ``flwr[simulation]``. Base weights and BatchNorm
statistics travel; the personalization layers stay in ``Context.state``, which is where Flower keeps
what belongs to a client. One client at a time trains in each of Ray's actors, one CPU each.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import flower_task as task
import flwr
import ray
import torch
from fedper.algorithm.models import split
from fedper.files import write_text
from fedper.run import Run
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from torch import nn

client_app = ClientApp()


@client_app.train()
def train(message: Message, context: Context) -> Message:
    """Train (W_B, W_P_j) jointly, keep W_P_j, send W_B."""
    run, config, client, model = receive(message, context)
    dataset, partition = task.read_inputs(config["data"], config["partition"])
    rows = partition.clients[client].train
    images, labels = task.load_images(dataset, "train", rows, run, config["layout"])
    started, clock = time.time(), time.perf_counter()
    loss = task.train(model, images, labels, config["server-round"], client, run)
    seconds = time.perf_counter() - clock

    base, personal = split(model, run.method)
    context.state["personal"] = ArrayRecord(personal.state_dict())
    metrics = {
        "num-examples": len(labels), "client": client, "train_loss": loss,
        "started": started, "seconds": seconds,
    }  # fmt: skip
    content = {"arrays": ArrayRecord(base.state_dict()), "metrics": MetricRecord(metrics)}
    return Message(content=RecordDict(content), reply_to=message)


@client_app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Test (W_B, W_P_j), BatchNorm re-estimated on the client's training images."""
    run, config, client, model = receive(message, context)
    dataset, partition = task.read_inputs(config["data"], config["partition"])
    rows = partition.clients[client]
    images, _ = task.load_images(dataset, "train", rows.train, run, config["layout"])
    task.reestimate(model, images, run.evaluation_batch_size)
    images, labels = task.load_images(dataset, "test", rows.test, run, config["layout"])
    correct = task.count_correct(model, images, labels, run.evaluation_batch_size)
    metrics = {"num-examples": len(labels), "client": client, "correct": correct}
    content = RecordDict({"metrics": MetricRecord(metrics)})
    return Message(content=content, reply_to=message)


def receive(message: Message, context: Context) -> tuple[Run, ConfigRecord, int, nn.Sequential]:
    """Put the server's base and the client's own layers into a model; also say who and how."""
    config = message.content["config"]
    run = Run.from_values(json.loads(config["run"]))
    torch.set_num_threads(run.threads)
    client = int(context.node_config["partition-id"])
    dataset, _ = task.read_inputs(config["data"], config["partition"])
    model = task.build(run, dataset.n_classes, client, config["layout"])
    base, personal = split(model, run.method)
    base.load_state_dict(message.content["arrays"].to_torch_state_dict())
    if "personal" in context.state:
        personal.load_state_dict(context.state["personal"].to_torch_state_dict())
    return run, config, client, model


class TimedFedAvg(FedAvg):
    """Flower's FedAvg that also notes the wall time of both phases, and what clients report."""

    def __init__(self, n_clients: int) -> None:
        super().__init__(min_available_nodes=n_clients)
        self.n_clients = n_clients
        self.rounds: list[dict] = []

    def configure_train(self, *arguments: object) -> Iterable[Message]:
        """Start the clock of a round's training."""
        self.rounds.append({})
        self.started, self.clock = time.time(), time.perf_counter()
        return super().configure_train(*arguments)

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> tuple:
        """Average, then stop it."""
        reports = self.reports(replies := list(replies))
        aggregated = super().aggregate_train(server_round, replies)
        self.rounds[-1] |= {
            "training_s": time.perf_counter() - self.clock,
            "waiting_s": min(report["started"] for report in reports) - self.started,
            "clients_s": sum(report["seconds"] for report in reports),
            "train_loss": [report["train_loss"] for report in reports],
        }
        return aggregated

    def configure_evaluate(self, *arguments: object) -> Iterable[Message]:
        """Start the clock of a round's evaluation."""
        self.clock = time.perf_counter()
        return super().configure_evaluate(*arguments)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord:
        """Stop it, and note how many test images each client predicts correctly."""
        reports = self.reports(replies := list(replies))
        self.rounds[-1] |= {
            "evaluation_s": time.perf_counter() - self.clock,
            "correct": [report["correct"] for report in reports],
            "samples": [report["num-examples"] for report in reports],
        }
        return super().aggregate_evaluate(server_round, replies)

    def reports(self, replies: list[Message]) -> list[MetricRecord]:
        """Take all replies' metrics in the clients' order; with fewer, Flower would go on."""
        errors = [reply.error.reason for reply in replies if reply.has_error()]
        if errors or len(replies) != self.n_clients:
            raise RuntimeError(f"{len(replies)} of {self.n_clients} clients replied: {errors}")
        return sorted((reply.content["metrics"] for reply in replies), key=lambda m: m["client"])


def main() -> None:
    """Simulate one run, and write what it took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="settings as JSON")
    parser.add_argument("--data", required=True, help="prepared data set")
    parser.add_argument("--partition", required=True, help="partition of that data set")
    parser.add_argument("--layout", choices=task.LAYOUTS, required=True)
    parser.add_argument("--actors", type=int, required=True, help="of one CPU each")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()

    rounds = simulate(arguments)
    versions = {"flwr": flwr.__version__, "ray": ray.__version__, "torch": torch.__version__}
    write_text(arguments.out, json.dumps({"rounds": rounds, "versions": versions}))


def simulate(arguments: argparse.Namespace) -> list[dict]:
    """Let Flower run all rounds; return what each took, as ``TimedFedAvg`` notes it."""
    run = Run.from_values(json.loads(arguments.run))
    strategy = TimedFedAvg(run.n_clients)
    server_app = ServerApp()

    @server_app.main()
    def serve(grid: Grid, context: Context) -> None:
        dataset, _ = task.read_inputs(arguments.data, arguments.partition)
        model = task.build(run, dataset.n_classes, 0, arguments.layout)
        base, _ = split(model, run.method)
        config = {key: getattr(arguments, key) for key in ("run", "data", "partition", "layout")}
        strategy.start(
            grid,
            ArrayRecord(base.state_dict()),
            num_rounds=run.rounds,
            train_config=ConfigRecord(config),
            evaluate_config=ConfigRecord(config),
        )

    with tempfile.TemporaryDirectory() as folder:
        run_simulation(
            server_app,
            client_app,
            num_supernodes=run.n_clients,
            backend_config={
                "init_args": {"num_cpus": arguments.actors, "_temp_dir": folder},
                "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            },
        )
    return strategy.rounds


if __name__ == "__main__":
    import flower_app  # by its name, so that Ray's actors import it instead of unpickling a copy

    flower_app.main()
