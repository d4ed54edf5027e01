"""From grids of a configuration (lists to combine) to runs with all their settings."""

from dataclasses import replace
from itertools import product

from fedper.method import Method, Phase, Test
from fedper.names import MODELS
from fedper.run import Run


def grid_runs(config: dict, grids: list[dict], overrides: dict | None = None) -> list[Run]:
    """List the runs that some grids ask for, each once, in their order.

    Args:
        config: the configuration.
        grids: lists to combine.
        overrides: settings of these runs in place of the data set's.
    """
    runs = [
        _run(config, overrides or {}, *values)
        for grid in grids
        for values in product(
            grid["datasets"],
            grid["models"],
            grid.get("classes_per_client", [None]),
            grid["methods"],
            grid.get("personalization_layers", [None]),
            grid.get("seeds", config["seeds"]),
        )
    ]
    return list({run.name: run for run in runs}.values())


def samples_of(data: dict) -> dict:
    """List what decides which client holds which samples, besides N, k and the seed.

    Args:
        data: the data set's settings in the configuration.
    """
    partition = {k: value for k, value in data["partition"].items() if k != "classes_per_client"}
    return partition | {key: data[key] for key in ("image_size", "resize_filter") if key in data}


def _run(
    config: dict,
    overrides: dict,
    dataset: str,
    model: str,
    k: int | None,
    method: str,
    k_p: int | None,
    seed: int,
) -> Run:
    data = config["datasets"][dataset] | overrides
    made_of = _method(config["methods"][method], method, model, k_p, data["local_epochs"])
    return Run(
        dataset=dataset,
        stand_in=data["stand_in"],
        n_clients=data["n_clients"],
        classes_per_client=k,
        samples=samples_of(data),
        model=model,
        width=float(config["models"][model]["width"]),
        stem=config["models"][model]["stem"],
        method=made_of,
        rounds=data["rounds"],
        batch_size=data["batch_size"],
        learning_rate=float(data["learning_rate"]),
        momentum=float(config["optimiser"]["momentum"]),
        weight_decay=float(config["optimiser"]["weight_decay"]),
        optimiser_state=config["optimiser"]["state"],
        pixels=data["pixels"],
        augmentation=data["augmentation"],
        initial_personal=config["initialisation"]["personal"],
        tests=_tests(data["tests"], made_of, MODELS[model].n_layers),
        other_tests_every=data["tests"]["others_every"],
        evaluation_batch_size=config["evaluation"]["batch_size"],
        threads=config["compute"]["threads"],
        precision=config["compute"]["precision"],
        deterministic=config["compute"]["deterministic"],
        seed=seed,
    )


def _method(settings: dict, name: str, model: str, k_p: int | None, local_epochs: int) -> Method:
    """Put numbers in the place of "all" and "figure" (layers), and of "local" (epochs)."""
    numbers = {"all": MODELS[model].n_layers, "figure": k_p}
    depth = settings["personalization_layers"]
    phases = {
        key: tuple(
            Phase(phase["layers"], local_epochs if phase["epochs"] == "local" else phase["epochs"])
            for phase in settings[key]
        )
        for key in ("train", "new_base")
    }
    return Method(
        name=name,
        personal=settings["personal"],
        personalization_layers=numbers.get(depth, depth),
        base=settings["base"],
        **phases,
    )


def _tests(settings: dict, method: Method, n_layers: int) -> tuple[Test, ...]:
    """List the tests that apply to a method, the reference first.

    Without training on the new base, "after" aggregation is the "end" of the round; so the
    reference is tested then, and other tests would only say the same again. Other tests that need
    a part of the model which the method does not have are left out too.
    """
    reference, *others = map(Test.from_values, (settings["reference"], *settings["others"]))
    if not method.new_base:
        others = [test for test in others if test.when != "after"]
        if reference.when == "after":
            reference = replace(reference, when="end")
    others = [test for test in others if test.needs <= method.parts(n_layers)]
    return tuple(dict.fromkeys((reference, *others)))
